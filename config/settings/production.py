"""Production: nothing embedded, nothing emulated, nothing guessed. What is missing stops the start with a sentence."""

import structlog
from django.core.exceptions import ImproperlyConfigured

from config.logging import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import (
    DATABASE_POOL_SIZE,
    DATABASE_URL,
    EMAIL_PROVIDER,
    LOG_LEVEL,
    PUBLIC_BASE_URL,
    REDIS_URL,
    SMTP_PASSWORD,
    SMTP_TLS,
    SMTP_USER,
    cached_in,
    database,
    env,
)

REQUIRED = (
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "PUBLIC_BASE_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
    "EMAIL_FROM_ADDRESS",
)
REQUIRED_FOR_EMAIL = {"sendgrid": ("SENDGRID_API_KEY", "SENDGRID_EVENT_PUBLIC_KEY"), "smtp": ("SMTP_HOST",)}
if EMAIL_PROVIDER not in REQUIRED_FOR_EMAIL:
    raise ImproperlyConfigured(f"EMAIL_PROVIDER must be one of {', '.join(REQUIRED_FOR_EMAIL)}.")
missing = [name for name in (*REQUIRED, *REQUIRED_FOR_EMAIL[EMAIL_PROVIDER]) if not env.str(name, "")]
if missing:
    raise ImproperlyConfigured(f"Set {', '.join(missing)} in the environment or in .env; .env.example explains each.")
if not PUBLIC_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_BASE_URL must begin with https://: providers sign that address.")
if SMTP_TLS not in ("starttls", "implicit", "none"):
    raise ImproperlyConfigured("SMTP_TLS must be starttls, implicit or none.")
if bool(SMTP_USER) != bool(SMTP_PASSWORD):
    raise ImproperlyConfigured("SMTP_USER and SMTP_PASSWORD go together.")

DATABASES = {"default": database(DATABASE_URL, pool_size=DATABASE_POOL_SIZE)}
CACHES = cached_in(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", True)
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 1)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
LOGGING = logging_config(LOG_LEVEL, renderer=structlog.processors.JSONRenderer())
