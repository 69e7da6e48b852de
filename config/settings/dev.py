"""Development: embedded engines unless told otherwise, the emulator in place of the providers, plain error pages."""

import structlog

from config import engines
from config.logging import logging_config
from config.settings.base import *  # noqa: F403
from config.settings.base import (
    DATA_DIR,
    DATABASE_POOL_SIZE,
    EMULATOR_URL,
    HOST,
    LOG_LEVEL,
    REDIS_URL,
    cached_in,
    database,
    env,
)

DEBUG = env.bool("DEBUG", True)
DEMO_DATA = True
SECRET_KEY = env.str("SECRET_KEY", "development-only-secret-key-never-use-it-in-production-000000")
BRAND_ADDRESS = env.str("BRAND_ADDRESS", "255 Dundas Street, London, ON N6A 1H3")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", HOST])
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # http://localhost
STORAGES = {
    **STORAGES,  # noqa: F405
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = False

DATABASE_URL = env.str("DATABASE_URL", "") or engines.addresses(DATA_DIR).database_url
REDIS_URL = REDIS_URL or engines.addresses(DATA_DIR).redis_url
DATABASES = {"default": database(DATABASE_URL, pool_size=DATABASE_POOL_SIZE)}
CACHES = cached_in(REDIS_URL)
CELERY_BROKER_URL = REDIS_URL
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}

# The emulator's own account: known to everybody, worth nothing.
TWILIO_BASE_URL = env.str("TWILIO_BASE_URL", EMULATOR_URL)
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "AC" + "0" * 31 + "1")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "emulator-auth-token-0000000000001")
TWILIO_FROM_NUMBER = env.str("TWILIO_FROM_NUMBER", "+15195550100")
EMAIL_FROM_ADDRESS = env.str("EMAIL_FROM_ADDRESS", "hello@huronhome.example")
SENDGRID_BASE_URL = env.str("SENDGRID_BASE_URL", EMULATOR_URL)
SENDGRID_API_KEY = env.str("SENDGRID_API_KEY", "SG.emulator" + "0" * 14 + "." + "0" * 42 + "1")
SENDGRID_ACTIVITY = env.bool("SENDGRID_ACTIVITY", True)
SENDGRID_EVENT_PUBLIC_KEY = env.str(
    "SENDGRID_EVENT_PUBLIC_KEY",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE48kL8HhumGG8xI0q8M0aWtQQMN9F5X6/8/89qfUrX9yd"
    + "kcyXq0rIPHl5I7BRyH+NjYkMx4QWpcdK1F/CWRCfEg==",
)

LOGGING = logging_config(LOG_LEVEL, renderer=structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0))
