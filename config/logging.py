"""Structured logs that name no person: addresses are masked before a line is written."""

import re
from datetime import date
from typing import Any
from uuid import UUID

import structlog

# a date is no phone number
_PHONE = re.compile(r"(?<!\d)(?!\d{4}-\d\d-\d\d(?!\d))(?:\+|%2B)?\d(?:[\d\-\s().]|%2[089]){7,}\d", re.IGNORECASE)
_EMAIL = re.compile(r"([\w.!#$%'*+^`{|}~-])[\w.!#$%'*+^`{|}~-]{0,63}(?:@|%40)([\w.%-]+\.[\w%-]{2,})")
_SECRET_KEYS = {"authorization", "token", "password", "auth_token", "signature", "body", "cookie"}
_PLAIN_KEYS = {"timestamp", "request_id", "task_id", "message_id", "batch", "conversation"}

_LONGEST = {"exception": 20_000}  # characters; of anything else:
_LONG = 2_000
_LONGEST_ADDRESS = 400


def mask_addresses(text: str) -> str:
    """`text` with phone numbers cut to their last four digits and e-mail addresses to first letter and domain."""
    text = _EMAIL.sub(r"\1***@\2", text)
    return _PHONE.sub(lambda match: "***" + re.sub(r"\D", "", match[0])[-4:], text)


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: masks addresses in every value, however deep, and drops secrets whole."""
    for key, value in event.items():
        if not key.startswith("_"):  # the logging library's own record
            event[key] = _cleaned(key, value)
    return event


def _cleaned(key: str, value: Any) -> Any:
    if key in _SECRET_KEYS:
        return "***"
    if value is None or isinstance(value, bool | int | float | UUID | date):
        return value
    if isinstance(value, dict):
        return {each: _cleaned(str(each), inner) for each, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(key, inner) for inner in value]
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if key in _PLAIN_KEYS or key.endswith("_id") else _masked(text, most=_LONGEST.get(key, _LONG))


def _masked(text: str, *, most: int) -> str:
    """Cut, so that nobody's endless address costs a line its time; masked first, so that no half of one is left over."""
    if len(text) <= most:
        return mask_addresses(text)
    return mask_addresses(text[: most + _LONGEST_ADDRESS])[:-_LONGEST_ADDRESS] + "…"


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
]


def logging_config(level: str, *, renderer: Any) -> dict[str, Any]:
    """Django's LOGGING: the standard library's records and structlog's events through one chain, one line each."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        "foreign_pre_chain": _SHARED,
    }
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "celery": quiet,
            "django_structlog": quiet,
            "aiohttp.access": quiet,
            "django": {"handlers": [], "level": "INFO"},  # not its own handlers besides ours
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},  # the line of the request itself says the rest
        },
    }
