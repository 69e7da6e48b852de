"""`web`: pages, API, webhooks and tracking over WSGI.

Webhooks and tracking come by the thousand, from programs: they go past what belongs to people at a page. They meet the
same addresses and views, but no session, signed-in user, message, language, CSRF token or static file, and get no line and
no request id in the log: the views log what they refuse, Django logs what fails. What protects stays: the answer 503 while
the database is away, the redirect to https, the check of the Host header, and the headers for security and framing.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
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

Answer = Iterable[bytes]


class LeanHandler(WSGIHandler):
    """Django with `LEAN_MIDDLEWARE` alone: plain callables, without hooks for views, templates or exceptions."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]  # not in the stubs
        for name in reversed(LEAN_MIDDLEWARE):
            handler = convert_exception_to_response(import_string(name)(handler))
        self._middleware_chain = handler


class Web:
    """The whole of Django, and the lean way through it for `LEAN_PREFIXES`."""

    def __init__(self) -> None:
        self._whole = get_wsgi_application()
        self._lean = LeanHandler()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        handler = self._lean if environ["PATH_INFO"].startswith(LEAN_PREFIXES) else self._whole
        return handler(environ, start_response)


application = Web()
engines.attach_missing(settings.DATA_DIR)
