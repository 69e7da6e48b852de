"""`Idempotency-Key`: a request that sends is done once, however often a caller repeats it.

The key's row is committed first, so that a repeat on another connection finds it. Then one transaction holds that row's
lock, does the work and stores the answer: effect and answer commit together or not at all. So a row that is

- locked          has a request at work: 409, come again;
- answered        is answered again, byte for byte, for 24 hours; another body under the same key is refused (422);
- neither of both was refused, or its process died: nothing was sent, and whoever comes next does the work.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from communications.models import IdempotencyKey
from config.api.exceptions import Conflict

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_KEPT_HEADERS = ("Location",)


class RequestRunning(Conflict):
    default_code = "request_running"
    default_detail = "A request with this Idempotency-Key is still running. Ask again in a moment."
    wait = 1


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request. Take a new key for a new request."


def answer_once(request: Request, work: Callable[[], Response]) -> HttpResponseBase:
    """What `work` answers, or what it answered before to the same key. `work` runs in one transaction in any case.

    What `work` raises is not kept: it left nothing behind, so the caller may mend the request and use the key again.
    Raises ValidationError (a malformed key), RequestRunning, KeyReused.
    """
    key = _key(request)
    if key is None:
        with transaction.atomic(durable=True):
            return work()
    digest = _digest(request)
    row = IdempotencyKey(user_id=_user_id(request), key=key, path=request.path[:255], request_hash=digest)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    with transaction.atomic(durable=True):
        held = _hold(request, key)
        return _replay(held, digest) if _is_answered(held) else _do(held, digest, work)


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        sentence = "An Idempotency-Key has 1 to 255 printable ASCII characters."
        raise ValidationError({HEADER: [ErrorDetail(sentence, code="invalid_idempotency_key")]})
    return key


def _user_id(request: Request) -> UUID:
    """No permission of ours lets anybody in who is not signed in."""
    return cast(UUID, request.user.pk)


def _digest(request: Request) -> str:
    """Of method, path and what the body says: a repeat may order or space its JSON differently."""
    said = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.path.rstrip('/')} {said}".encode()).hexdigest()


def _hold(request: Request, key: str) -> IdempotencyKey:
    rows = IdempotencyKey.objects.select_for_update(skip_locked=True)
    held = rows.filter(user_id=_user_id(request), key=key).first()
    if held is None:
        raise RequestRunning
    return held


def _is_answered(row: IdempotencyKey) -> bool:
    since = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS)
    return row.status_code is not None and row.created_ts > since


def _replay(row: IdempotencyKey, digest: str) -> HttpResponse:
    if row.request_hash != digest:
        raise KeyReused
    answer: Any = row.response
    headers = {**answer["headers"], REPLAYED_HEADER: "true"}
    return HttpResponse(answer["body"], status=row.status_code, content_type="application/json", headers=headers)


def _do(row: IdempotencyKey, digest: str, work: Callable[[], Response]) -> Response:
    response = work()
    row.request_hash, row.status_code, row.created_ts = digest, response.status_code, timezone.now()
    row.response = {
        # as text: JSONB would sort the fields
        "body": JSONRenderer().render(response.data).decode(),
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
    }
    row.save(update_fields=("request_hash", "status_code", "created_ts", "response"))
    return response
