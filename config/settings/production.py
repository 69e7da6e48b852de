"""Production: nothing embedded, nothing emulated, nothing guessed. What is missing stops the start with a sentence."""

import structlog
from django.core.exceptions import ImproperlyConfigured

from config.logging import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASE_POOL_SIZE, DATABASE_URL, LOG_LEVEL, PUBLIC_BASE_URL, REDIS_URL, database, env

REQUIRED = (
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "PUBLIC_BASE_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
)
missing = [name for name in REQUIRED if not env.str(name, "")]
if missing:
    raise ImproperlyConfigured(f"Set {', '.join(missing)} in the environment or in .env; .env.example explains each.")
if not PUBLIC_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_BASE_URL must begin with https://: providers sign that address.")

DATABASES = {"default": database(DATABASE_URL, pool_size=DATABASE_POOL_SIZE)}
CELERY_BROKER_URL = REDIS_URL
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
LOGGING = logging_config(LOG_LEVEL, renderer=structlog.processors.JSONRenderer())
