"""A provider's webhook in four moves: limit, verify, store, acknowledge.

2xx means committed. A bad signature leaves no row; an address that keeps sending them is throttled. When it cannot be
stored the answer is 503 (by the middleware), and the provider comes again. These requests pass no middleware that logs
(`config.wsgi`), so a refusal is logged here.
"""

import time
from collections import deque

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from communications import intake
from communications.exceptions import WebhookRejected
from communications.providers import registry

log = structlog.get_logger(__name__)

_KEPT_HEADERS = (
    "User-Agent",
    "Content-Type",
    "X-Twilio-Signature",
    "I-Twilio-Idempotency-Token",
    "X-Twilio-Email-Event-Webhook-Signature",
    "X-Twilio-Email-Event-Webhook-Timestamp",
)
_FORGERIES = 30  # bad signatures from one address within a minute
_MINUTE = 60.0


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class WebhookView(View):
    """`/api/webhooks/<provider>/<endpoint>`; the answer for a stored delivery is `body`."""

    http_method_names = ("post",)
    provider = ""
    endpoint = ""
    content_type = "text/plain"
    body = ""

    def post(self, request: HttpRequest) -> HttpResponse:
        limit = settings.WEBHOOK_MAX_BODY_BYTES[self.provider]
        raw = _read(request, limit)
        if raw is None:
            log.warning("webhook_too_large", provider=self.provider, endpoint=self.endpoint)
            return _error(413, "payload_too_large", f"A delivery has at most {limit:,} bytes.")
        address = request.META.get("REMOTE_ADDR") or ""
        url = f"{settings.PUBLIC_BASE_URL}{request.get_full_path()}"
        try:
            registry.get(self.provider).verify(request, url)
        except WebhookRejected as rejection:
            return _refuse_forgery(address, rejection, provider=self.provider)
        intake.store(
            provider=self.provider,
            endpoint=self.endpoint,
            url=url,
            query_string=request.META.get("QUERY_STRING", ""),
            headers={name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers},
            content_type=request.headers.get("Content-Type", ""),
            body=raw,
            remote_address=address,
        )
        return HttpResponse(self.body, content_type=self.content_type)


class Forgers:
    """Who sends wrong signatures, by address, in this process's memory: it only slows a nuisance down."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def note(self, address: str) -> None:
        if len(self._seen) > 10_000:
            self._seen.clear()
        self._seen.setdefault(address, deque(maxlen=_FORGERIES)).append(time.monotonic())

    def is_throttled(self, address: str) -> bool:
        seen = self._seen.get(address)
        return seen is not None and len(seen) == _FORGERIES and time.monotonic() - seen[0] < _MINUTE


_forgers = Forgers()


def _refuse_forgery(address: str, rejection: WebhookRejected, *, provider: str) -> HttpResponse:
    """Only forgeries are throttled: behind a proxy the provider comes from the same address as everybody else."""
    if _forgers.is_throttled(address):
        return _error(429, "throttled", "Too many requests with a wrong signature.", {"Retry-After": "60"})
    _forgers.note(address)
    log.warning("webhook_refused", provider=provider, ip=address)
    return _error(403, "signature_invalid", str(rejection))


def _read(request: HttpRequest, limit: int) -> bytes | None:
    """The body, or None when it is longer than `limit`; Django's own limit would answer 400, which loses a delivery for good."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdecimal() or int(declared) > limit:
        return None
    raw: bytes = request.read(limit + 1)
    if len(raw) > limit:
        return None
    request._body = raw  # type: ignore[attr-defined]  # `request.body` would refuse what was read from the stream
    return raw


def _error(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JsonResponse:
    error = {"code": code, "detail": detail, "attr": None}
    return JsonResponse({"type": "client_error", "errors": [error]}, status=status, headers=headers)
