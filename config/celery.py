"""The Celery app: it wakes workers, it never carries a message. The database is the queue of record."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init
from django.conf import settings

from config import engines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

app = Celery("rapport")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def _use_the_engines(**_: Any) -> None:
    """This process and its children count as one user of the embedded engines."""
    engines.attach_missing(settings.DATA_DIR)


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Django has configured logging already; Celery is to leave it alone."""
