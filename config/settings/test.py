"""Tests: engines and data of their own, wakes recorded instead of sent, cheap passwords."""

import os
from pathlib import Path

os.environ.setdefault("RAPPORT_DATA", str(Path(__file__).resolve().parents[2] / ".data" / "test"))

from config.settings.dev import *  # noqa: F403
from config.settings.dev import DATABASE_URL, REDIS_URL, database

DEBUG = False
DATABASES = {"default": database(DATABASE_URL)}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WAKE_WORKERS = False
STAFF_SECOND_FACTOR = False
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = REDIS_URL
QUIET_HOURS_START, QUIET_HOURS_END = 0, 24  # no test depends on the hour; those of quiet hours set their own
