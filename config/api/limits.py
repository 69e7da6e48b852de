"""How much one caller may ask: requests a minute, bytes a body."""

from django.core.cache import caches
from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from config.accounts.models import ApiToken

MAX_BODY_BYTES = 1_000_000


class PayloadTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"

    def __init__(self, most_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(f"The body is larger than {most_bytes:,} bytes. Nothing was stored.")


class LengthRequired(APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length."


class CallerThrottle(SimpleRateThrottle):
    """So many requests a minute for each token (a browser: for each user), in every web process.

    It counts in the process's own memory: a Redis that is away must not stop the API, and the limit is there to tame
    a loop gone wild, not to sell quotas.
    """

    cache = caches["memory"]
    rate = "3000/min"
    scope = "api"

    def get_cache_key(self, request: Request, view: object) -> str | None:
        caller = request.auth if isinstance(request.auth, ApiToken) else request.user
        return self.cache_format % {"scope": self.scope, "ident": caller.pk} if caller else None


def check_body_size(request: HttpRequest, most_bytes: int = MAX_BODY_BYTES) -> None:
    """Raises PayloadTooLarge before anything is read. WSGI hands over no more bytes than Content-Length says.

    Without Content-Length (chunked) Django would take the body for empty, and the caller would look for the wrong mistake.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) > most_bytes:
        raise PayloadTooLarge(most_bytes)
    if not length and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthRequired
