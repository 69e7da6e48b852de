"""`web`: pages, API, webhooks and tracking over WSGI.

Webhooks and tracking come by the thousand, from programs: they go past what belongs to people at a page. They meet the
same addresses and views, but no session, signed-in user, message, language, CSRF token or static file, and get no line and
no request id in the log: the views log what they refuse, Django logs what fails. What protects stays: the answer 503 while
the database is away, the redirect to https, the check of the Host header, and the headers for security and framing.

The API goes past what belongs to pages alone: static files (their middleware is asynchronous, and would move each request
through a thread), languages, messages, HTMX. Sessions and signed-in users, a line in the log, and who changed what, it has; cross-site
requests are refused by its own check of sessions, and who may come in by its views.
"""

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from django.utils.module_loading import import_string

from config import engines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")

LEAN_PREFIXES = ("/api/webhooks/", "/t/")
LEAN_MIDDLEWARE = (
    "config.middleware.DatabaseAwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
API_PREFIX = "/api/v1/"
API_MIDDLEWARE = (
    "config.middleware.DatabaseAwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.WhoChangesMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
)

Answer = Iterable[bytes]


class LeanHandler(WSGIHandler):
    """Django with some middleware alone: plain callables, without hooks for views, templates or exceptions."""

    def __init__(self, middleware: Sequence[str]) -> None:
        self._names = middleware
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]  # not in the stubs
        for name in reversed(self._names):
            handler = convert_exception_to_response(import_string(name)(handler))
        self._middleware_chain = handler


class Web:
    """The whole of Django, and the lean ways through it for `LEAN_PREFIXES` and `API_PREFIX`."""

    def __init__(self) -> None:
        self._whole = get_wsgi_application()
        self._lean = LeanHandler(LEAN_MIDDLEWARE)
        self._api = LeanHandler(API_MIDDLEWARE)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        return self._handler(environ["PATH_INFO"])(environ, start_response)

    def _handler(self, path: str) -> WSGIHandler:
        if path.startswith(LEAN_PREFIXES):
            return self._lean
        return self._api if path.startswith(API_PREFIX) else self._whole


def settle() -> None:
    """What is loaded stays: the garbage collector need not walk through it again and again, a tenth of a page's time."""
    get_resolver().url_patterns  # noqa: B018  # loads all views
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


application = Web()
engines.attach_missing(settings.DATA_DIR)
settle()
