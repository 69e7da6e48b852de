"""SendGrid's event webhook: is it SendGrid's, and what does each element tell of a message of ours.

One array tells of many messages. An element that is not ours, or not understood, is left out and the others count.
"""

import base64
import hashlib
import ipaddress
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.http import HttpRequest
from sendgrid.helpers.eventwebhook import EventWebhook

from communications.choices import EventKind
from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.providers.base import DeliveryReceipt, StoredRequest
from communications.providers.mail import storable

log = structlog.get_logger(__name__)

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

_KINDS = {
    "processed": EventKind.QUEUED,
    "deferred": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.FAILED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
}
_BY_THE_PERSON = (EventKind.OPENED, EventKind.CLICKED, EventKind.UNSUBSCRIBED)  # else `ip` is SendGrid's own
_KEPT = (
    "event",
    "type",
    "status",
    "attempt",
    "response",
    "bounce_classification",
    "smtp-id",
    "sg_machine_open",
    "asm_group_id",
)
_MOST_AHEAD = 600  # seconds that its clock may be before ours
_MOST_DIGITS = 20
_LONGEST_ID = 100
_TIMES = range(1_500_000_000, 2**32)  # seconds since 1970 at which a mail of ours can be spoken of
_SENDGRIDS_OWN = re.compile(r"\.(?:filter|recvd).*", re.DOTALL)


def verify(request: HttpRequest) -> None:
    """Raises WebhookRejected. A time long past is no reason: SendGrid tries for a day, and a repeat changes nothing."""
    signature, at = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
    if not (at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS) or int(at) > time.time() + _MOST_AHEAD:
        raise WebhookRejected("The signature has no time, or one that is still to come.")
    keys = (settings.SENDGRID_EVENT_PUBLIC_KEY, settings.SENDGRID_EVENT_PUBLIC_KEY_PREVIOUS)
    if not any(_fits(key, signature, at, request.body) for key in keys if key):
        raise WebhookRejected("The signature does not fit the request.")


def receipts(stored: StoredRequest) -> Iterator[DeliveryReceipt]:
    """What the delivery tells of our messages. Raises UnreadableDelivery only when it is no array at all."""
    left_out = 0
    for element in elements(stored):
        receipt = read(element, stored)
        if receipt:
            yield receipt
        else:
            left_out += 1
    if left_out:
        log.info("sendgrid_events_left_out", delivery_id=str(stored.id), count=left_out)


def elements(stored: StoredRequest) -> list[Any]:
    """The elements of the array, each readable by itself. Raises UnreadableDelivery."""
    try:
        array = json.loads(stored.body.decode("utf-8"), parse_int=_integer, parse_constant=lambda word: None)
    except (ValueError, RecursionError) as error:
        raise UnreadableDelivery(f"The body is not JSON: {type(error).__name__}") from error
    if not isinstance(array, list):
        raise UnreadableDelivery("The body is not an array of events.")
    return array


def read(element: Any, stored: StoredRequest) -> DeliveryReceipt | None:
    """One element; None when it is not about a message of ours or nothing we know. Never raises, whatever it holds."""
    if not isinstance(element, dict):
        return None
    kind, reference = _kind(element), _reference(element.get("m"))
    if kind is None or reference is None:
        return None
    return DeliveryReceipt(
        reference=reference,
        provider="sendgrid",
        event_id=_event_id(element),
        kind=kind,
        occurred_at=_time(element.get("timestamp")),
        received_at=stored.received_at,
        provider_message_id=message_id_of(storable(element.get("sg_message_id"), 255)),
        error_code=_error_code(element, kind),
        reason=storable(element.get("reason"), 1_000) or storable(element.get("response"), 1_000),
        url=storable(element.get("url"), 2_000) if kind is EventKind.CLICKED else "",
        user_agent=storable(element.get("useragent"), 1_000),
        ip_address=_ip(element.get("ip")) if kind in _BY_THE_PERSON else None,
        payload=_known(element),
        delivery_id=stored.id,
    )


def _fits(key: str, signature: str, at: str, body: bytes) -> bool:
    """SendGrid's own check, which raises at a signature or a key that is none."""
    try:
        return bool(EventWebhook().verify_signature(body.decode(), signature, at, _public_key(key)))
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return False


@cache
def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    """As SendGrid shows it: DER in base64. Raises ValueError when it is another kind of key, or none."""
    key = load_der_public_key(base64.b64decode(text, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("It is not a key on the curve P-256.")
    return key


def _kind(element: Mapping[str, Any]) -> EventKind | None:
    """A `blocked` bounce is a refusal of this mail, not a word about the address: the next one may arrive."""
    word = element.get("event")
    if word == "bounce" and element.get("type") == "blocked":
        return EventKind.UNDELIVERED
    return _KINDS.get(word) if isinstance(word, str) else None


def _reference(value: Any) -> UUID | None:
    with suppress(ValueError):
        return UUID(value) if isinstance(value, str) else None
    return None


def _event_id(element: Mapping[str, Any]) -> str:
    """Its own, or a hash of what the element says plainly."""
    own = element.get("sg_event_id")
    if isinstance(own, str) and 0 < len(own) <= _LONGEST_ID and own.isprintable():
        return own
    plain = {name: value for name, value in element.items() if not isinstance(value, dict | list)}
    return "sha256:" + hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def message_id_of(text: str) -> str:
    """The `X-Message-Id` that the call was answered with: the rest names the server that took it on."""
    known = _SENDGRIDS_OWN.sub("", text)
    return known if known != text else text.partition(".")[0]


def _error_code(element: Mapping[str, Any], kind: EventKind) -> str:
    if kind not in (EventKind.BOUNCED, EventKind.UNDELIVERED, EventKind.FAILED):
        return ""
    return storable(element.get("status"), 50) or storable(element.get("bounce_classification"), 50)


def _time(value: Any) -> datetime | None:
    is_one = isinstance(value, int | float) and _TIMES.start <= value < _TIMES.stop
    return datetime.fromtimestamp(value, UTC) if is_one else None


def _ip(value: Any) -> str | None:
    with suppress(ValueError):
        return str(ipaddress.ip_address(value)) if isinstance(value, str) and "%" not in value else None
    return None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _known(element: Mapping[str, Any]) -> dict[str, Any]:
    """What support may ask for later: plain values only."""
    kept = {name: element[name] for name in _KEPT if isinstance(element.get(name), str | bool | int)}
    return {name: storable(value, 1_000) if isinstance(value, str) else value for name, value in kept.items()}
