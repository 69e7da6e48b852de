"""Settings that every environment shares. Each one that a person may set is read from the environment here and named in `.env.example`."""

from pathlib import Path
from typing import Any

import environ
import pghistory
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.settings.unfold import UNFOLD  # noqa: F401

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# --- addresses: PORT is web's port, the others derive from it -----------------------------------------------------
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
LIVE_PORT = env.int("LIVE_PORT", PORT + 1)
EMULATOR_PORT = env.int("EMULATOR_PORT", PORT + 2)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
LIVE_URL = env.str("LIVE_URL", "")  # empty: the page's own host name at LIVE_PORT
EMULATOR_URL = env.str("EMULATOR_URL", f"http://127.0.0.1:{EMULATOR_PORT}").rstrip("/")
DATA_DIR = Path(env.str("RAPPORT_DATA", str(BASE_DIR / ".data")))

# --- security -----------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", "")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
TRACKING_KEYS = env.list("TRACKING_KEYS", default=[])  # links in mails outlive a change of SECRET_KEY
SECOND_FACTOR_KEYS = env.list("SECOND_FACTOR_KEYS", default=[])  # so do the secrets of authenticator apps
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}  # the back office may more: config/accounts/site.py
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["config.accounts.backends.OneQueryBackend"]

# --- signing in ---------------------------------------------------------------------------------------------------
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
LOGOUT_REDIRECT_URL = "account_login"
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", False)  # staff without one are led to where it is set up
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 0)  # whose X-Forwarded-For is believed
ACCOUNT_ADAPTER = "config.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/15m/key"}
MFA_ADAPTER = "config.accounts.sealed.SealingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are made by colleagues, no address is ever confirmed
MFA_TOTP_ISSUER = "Rapport"
MFA_TOTP_TOLERANCE = 1  # the phone's clock may be half a minute wrong

# --- applications -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "servestatic.runserver_nostatic",
    "config.accounts.apps.AccountsConfig",
    "config.jobs",
    "customers",
    "interactions",
    "communications",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.accounts.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_htmx",
    "django_structlog",
    "pgtrigger",
    "pghistory",
]
MIDDLEWARE = [
    "config.middleware.DatabaseAwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "config.middleware.WhoChangesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.accounts.second_factor.SecondFactorMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES: dict[str, str | None] = {"knox": None}  # our own token model takes its place

# --- time, language -----------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", "America/Toronto")
FORMAT_MODULE_PATH = ["config.formats"]
LANGUAGE_CODE = env.str("LANGUAGE_CODE", "en")
PHONE_REGION = env.str("PHONE_REGION", "CA")
BRAND_NAME = env.str("BRAND_NAME", "Huron Home")
BRAND_ADDRESS = env.str("BRAND_ADDRESS", "")

# --- database: the queue of record --------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", "")
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", 4)


def database(url: str, *, pool_size: int = 0) -> dict[str, Any]:
    """Django's settings for the database at `url`. With a pool, a request waits at most 2 s for a connection."""
    settings = environ.Env.db_url_config(url)
    options = settings.setdefault("OPTIONS", {})
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 2}
        settings["ENGINE"] = "config.postgresql"
    options.setdefault("connect_timeout", 5)
    options.setdefault("prepare_threshold", 5)  # a statement repeated so often is planned once a connection
    return {**settings, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": not pool_size}


# --- history of changes (config/history): who and where stand in the history's row itself -------------------------
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
PGHISTORY_CONTEXT_FIELD = pghistory.ContextJSONField()
PGHISTORY_CONTEXT_ID_FIELD = pghistory.ContextUUIDField()
PGHISTORY_CREATED_AT_FUNCTION = "clock_timestamp()"

# --- Redis: wakes workers, carries ids to open pages, counts attempts; keeps nothing that lasts -------------------
REDIS_URL = env.str("REDIS_URL", "")


def cached_in(redis_url: str) -> dict[str, Any]:
    """Django's caches: the one that all processes share, and each process's own."""
    return {
        "default": {"BACKEND": "config.cache.SteadyCache", "LOCATION": redis_url, "KEY_PREFIX": "cache"},
        "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }


WAKE_WORKERS = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "visibility_timeout": 60,
    "health_check_interval": 5,
}
CELERY_TASK_TIME_LIMIT = None  # a sender ends itself between slices; a limit would break a batch in the middle
CELERY_TASK_ROUTES = {
    "communications.tasks.send_transactional": {"queue": "transactional"},
    "communications.tasks.send_marketing": {"queue": "marketing"},
}
TICK_SECONDS = env.int("TICK_SECONDS", 3)
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "communications.tasks.tick", "schedule": TICK_SECONDS},
    "jobs": {"task": "config.jobs.tasks.run_jobs", "schedule": 10},
    "tidy jobs": {"task": "config.jobs.tasks.tidy", "schedule": 3600},
}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # logs hold no addresses; the proxy's may

# --- storage ------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
S3_BUCKET = env.str("S3_BUCKET", "")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "")
S3_REGION = env.str("S3_REGION", "")
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", "")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", "")


def content_storage() -> dict[str, Any]:
    """Where content lies: the bucket when one is named, else the file system under the data folder."""
    if not S3_BUCKET:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}}
    options = {
        "bucket_name": S3_BUCKET,
        "endpoint_url": S3_ENDPOINT_URL or None,
        "region_name": S3_REGION or None,
        "access_key": S3_ACCESS_KEY_ID or None,
        "secret_key": S3_SECRET_ACCESS_KEY or None,
        "addressing_style": "path",
        "signature_version": "s3v4",
        "file_overwrite": False,
        "querystring_expire": 300,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES = {
    "default": content_storage(),
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}

# --- providers: with none of these set, the emulator stands in ----------------------------------------------------
TWILIO_BASE_URL = env.str("TWILIO_BASE_URL", "https://api.twilio.com").rstrip("/")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
TWILIO_AUTH_TOKEN_PREVIOUS = env.str("TWILIO_AUTH_TOKEN_PREVIOUS", "")  # accepted too while a token is being changed
TWILIO_FROM_NUMBER = env.str("TWILIO_FROM_NUMBER", "")
EMAIL_PROVIDER = env.str("EMAIL_PROVIDER", "sendgrid")  # or smtp
EMAIL_FROM_ADDRESS = env.str("EMAIL_FROM_ADDRESS", "")
EMAIL_FROM_NAME = env.str("EMAIL_FROM_NAME", BRAND_NAME)
SENDGRID_BASE_URL = env.str("SENDGRID_BASE_URL", "https://api.sendgrid.com").rstrip("/")
SENDGRID_API_KEY = env.str("SENDGRID_API_KEY", "")
SENDGRID_EVENT_PUBLIC_KEY = env.str("SENDGRID_EVENT_PUBLIC_KEY", "")
SENDGRID_EVENT_PUBLIC_KEY_PREVIOUS = env.str("SENDGRID_EVENT_PUBLIC_KEY_PREVIOUS", "")
SENDGRID_ACTIVITY = env.bool("SENDGRID_ACTIVITY", False)  # the account has the add-on Email Activity
SENDGRID_CALL_SIZE = env.int("SENDGRID_CALL_SIZE", 1_000)  # persons a call, of which SendGrid takes no more than these
SMTP_HOST = env.str("SMTP_HOST", "")
SMTP_PORT = env.int("SMTP_PORT", 587)
SMTP_USER = env.str("SMTP_USER", "")
SMTP_PASSWORD = env.str("SMTP_PASSWORD", "")
SMTP_TLS = env.str("SMTP_TLS", "starttls")  # or implicit, or none
PROVIDER_TIMEOUT_SECONDS = env.float("PROVIDER_TIMEOUT_SECONDS", 15.0)
PROVIDER_CONCURRENCY = env.int("PROVIDER_CONCURRENCY", 64)  # calls in flight per sender process
SMS_RATES = {"default": "0.0500", "CA": "0.0079", "US": "0.0079", "GB": "0.0420", "FR": "0.0760", "DE": "0.0850"}
SMS_CURRENCY = env.str("SMS_CURRENCY", "USD")

# --- sending ------------------------------------------------------------------------------------------------------
SEND_SLICE_SIZE = env.int("SEND_SLICE_SIZE", 256)  # rows whose calls are in flight together, about a second's worth
SEND_LANES = env.int("SEND_LANES", 3)  # slices under way at once in a sender; fewer than DATABASE_POOL_SIZE
SEND_LEASE_SECONDS = env.int("SEND_LEASE_SECONDS", 60)  # more than three times the provider's timeout
BULK_CHUNK_SIZE = env.int("BULK_CHUNK_SIZE", 500)  # recipients of a bulk request taken on in one transaction
OVERDUE_SECONDS = env.int("OVERDUE_SECONDS", max(12, 4 * TICK_SECONDS))  # what an idle worker may leave waiting
SEND_MAX_RETRIES = env.int("SEND_MAX_RETRIES", 6)
UNDO_SECONDS_PEOPLE = env.int("UNDO_SECONDS_PEOPLE", 10)  # a reply by a person may be taken back for so long
TEST_SENDS_PER_HOUR = env.int("TEST_SENDS_PER_HOUR", 100)  # of one person
UNDO_SECONDS_API = env.int("UNDO_SECONDS_API", 0)
LOOKUP_AFTER_SECONDS = env.int("LOOKUP_AFTER_SECONDS", 60)  # an uncertain message is looked up when this old
MAIL_AGAIN_AFTER_SECONDS = env.int(
    "MAIL_AGAIN_AFTER_SECONDS", 600
)  # of doubt; with Email Activity only what it does not list
UNCERTAIN_STAFF_AFTER_SECONDS = env.int("UNCERTAIN_STAFF_AFTER_SECONDS", 600)
# Marketing reaches a person between these hours of his own clock (states may allow less), on the channels named.
QUIET_HOURS_START = env.int("QUIET_HOURS_START", 8)
QUIET_HOURS_END = env.int("QUIET_HOURS_END", 21)
QUIET_HOURS_CHANNELS = env.list("QUIET_HOURS_CHANNELS", default=["sms", "whatsapp", "push"])
if not 0 <= QUIET_HOURS_START < QUIET_HOURS_END <= 24:
    raise ImproperlyConfigured("QUIET_HOURS_START must lie before QUIET_HOURS_END: whole hours from 0 to 24.")

# --- links in messages --------------------------------------------------------------------------------------------
UTM_SOURCE = env.str("UTM_SOURCE", "rapport")
UNSUBSCRIBE_MAILTO = env.str("UNSUBSCRIBE_MAILTO", "")

# --- receiving ----------------------------------------------------------------------------------------------------
# Twilio's own posts stay under some tens of kilobytes, an array of SendGrid's events under one megabyte.
WEBHOOK_MAX_BODY_BYTES = {"twilio": 1_000_000, "sendgrid": 4_000_000}
# Words by SMS that the carrier's own service answers, so that we do not answer them again; empty: it answers none.
CARRIER_WORDS = env.list(
    "CARRIER_WORDS",
    default=["STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "START", "UNSTOP"],
)
JOURNAL_KEEP_DAYS = env.int("JOURNAL_KEEP_DAYS", 30)

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.authentication.ScopedTokenAuthentication",
        "config.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.permissions.ScopedModelPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.renderers.QuickJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_VERSIONING_CLASS": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "config.api.exceptions.ApiExceptionHandler"}
KNOX_TOKEN_MODEL = "accounts.ApiToken"
REST_KNOX = {
    "TOKEN_MODEL": "accounts.ApiToken",
    "TOKEN_PREFIX": "rap_",
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rapport API",
    "DESCRIPTION": "Send messages to customers and read what became of them.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ValidationErrorEnum": "drf_standardized_errors.openapi_serializers.ValidationErrorEnum.choices",
        "ClientErrorEnum": "drf_standardized_errors.openapi_serializers.ClientErrorEnum.choices",
        "ServerErrorEnum": "drf_standardized_errors.openapi_serializers.ServerErrorEnum.choices",
        "ErrorCode401Enum": "drf_standardized_errors.openapi_serializers.ErrorCode401Enum.choices",
        "ErrorCode403Enum": "drf_standardized_errors.openapi_serializers.ErrorCode403Enum.choices",
        "ErrorCode404Enum": "drf_standardized_errors.openapi_serializers.ErrorCode404Enum.choices",
        "ErrorCode405Enum": "drf_standardized_errors.openapi_serializers.ErrorCode405Enum.choices",
        "ErrorCode406Enum": "drf_standardized_errors.openapi_serializers.ErrorCode406Enum.choices",
        "ErrorCode415Enum": "drf_standardized_errors.openapi_serializers.ErrorCode415Enum.choices",
        "ErrorCode429Enum": "drf_standardized_errors.openapi_serializers.ErrorCode429Enum.choices",
        "ErrorCode500Enum": "drf_standardized_errors.openapi_serializers.ErrorCode500Enum.choices",
        "MessageStatusEnum": "communications.choices.MessageStatus",
        "SchemaStatusEnum": "communications.models.schema.SchemaStatus",
        "AppointmentStatusEnum": "customers.models.appointment.AppointmentStatus",
        "ConversationStatusEnum": "interactions.models.conversation.ConversationStatus",
        "ConsentStatusEnum": "customers.choices.ConsentStatus",
        "SuppressionReasonEnum": "customers.choices.SuppressionReason",
        "ConsentPurposeEnum": "customers.choices.ConsentPurpose",
        "PurposeEnum": "customers.choices.Purpose",
        "ChannelEnum": "customers.choices.Channel",
        "LineEnum": "interactions.choices.Line",
        "SentimentEnum": "interactions.choices.Sentiment",
        "AddressedChannelEnum": "customers.choices.ADDRESSED_CHANNELS",
    },
}
IDEMPOTENCY_KEEP_HOURS = env.int("IDEMPOTENCY_KEEP_HOURS", 24)
DEMO_DATA = False  # users with a known password: never outside development
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
