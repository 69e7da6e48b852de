"""What every request passes that belongs to no app."""

import re
import sys
from collections.abc import Callable
from typing import Any

from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from pghistory.middleware import HistoryMiddleware

RETRY_AFTER_SECONDS = 5
_LONG_WORD = re.compile(r"[^/]{41,}")


class DatabaseAwayMiddleware:
    """Answers 503 with Retry-After when the database could not be reached, so that providers and programs come again.

    It stands outermost: sessions and sign-in ask the database too, before any view does.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        return database_away_response() if getattr(request, "database_away", False) else response


class WhoChangesMiddleware(HistoryMiddleware):
    """Says for the history of whatever a request changes: who, and from which address.

    A token's user is filled in once the API knows him. A word longer than an id may be a key, and is left out.
    """

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_context(request), "url": _LONG_WORD.sub("…", request.path)}


def database_away_response() -> JsonResponse:
    """The one error shape, with status 503."""
    detail = "The database cannot be reached at the moment. Nothing was stored; please try again."
    error = {"code": "database_unavailable", "detail": detail, "attr": None}
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return JsonResponse({"type": "server_error", "errors": [error]}, status=503, headers=headers)


def _note_database_away(*, request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None and isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        request.database_away = True  # type: ignore[attr-defined]


got_request_exception.connect(_note_database_away, dispatch_uid="database_away")
