"""SendGrid's Email Activity (`GET /v3/messages`, an add-on that an account buys): does it have a mail whose answer was lost?

https://www.twilio.com/docs/sendgrid/api-reference/email-activity: 160 conditions and 1,000 mails a request, six requests a
minute. The list does not carry our id, only the query does, so no two mails of one request are to the same address.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from communications.choices import EventKind
from communications.providers.base import DeliveryReceipt, OutboundMessage
from communications.providers.http import NoAnswer, NotSent, Wire
from communications.providers.mail import storable
from communications.providers.sendgrid.events import message_id_of

PATH = "/v3/messages"
MOST_CONDITIONS = 160
_MOST_LISTED = 1_000
_KINDS = {"delivered": EventKind.DELIVERED, "not_delivered": EventKind.UNDELIVERED}


async def look_up(wire: Wire, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
    """One receipt for each message that could be asked about; NOT_FOUND where SendGrid lists none."""
    receipts: list[DeliveryReceipt] = []
    for asked in _requests(messages):
        listed = await _listed(wire, asked)
        if listed is None:
            break  # refused or unreachable: the next request would be, too
        receipts += [_receipt(message, listed.get(address)) for address, message in asked.items()]
    return receipts


def _requests(messages: Sequence[OutboundMessage]) -> Iterator[Mapping[str, OutboundMessage]]:
    """By address in lower case."""
    left = list(messages)
    while left:
        asked: dict[str, OutboundMessage] = {}
        later: list[OutboundMessage] = []
        for message in left:
            address = message.recipient.lower()
            if address in asked or len(asked) == MOST_CONDITIONS:
                later.append(message)
            else:
                asked[address] = message
        yield asked
        left = later


async def _listed(wire: Wire, asked: Mapping[str, OutboundMessage]) -> Mapping[str, Mapping[str, Any]] | None:
    """What SendGrid has of these, by address; None when it gave no list, which proves nothing."""
    query = " OR ".join(f"unique_args['m']=\"{message.reference}\"" for message in asked.values())
    url = f"{settings.SENDGRID_BASE_URL}{PATH}?{urlencode({'query': query, 'limit': _MOST_LISTED})}"
    try:
        answer = await wire.call("GET", url, headers={"Authorization": f"Bearer {settings.SENDGRID_API_KEY}"})
    except (NotSent, NoAnswer):
        return None
    listed = answer.json().get("messages")
    if answer.status != 200 or not isinstance(listed, list):
        return None
    return {str(each.get("to_email", "")).lower(): each for each in listed if isinstance(each, dict)}


def _receipt(message: OutboundMessage, listed: Mapping[str, Any] | None) -> DeliveryReceipt:
    if listed is None:
        at = datetime.now(UTC)
        return DeliveryReceipt(
            reference=message.reference,
            provider="sendgrid",
            event_id=f"lookup:none:{message.reference}:{at.timestamp()}"[:128],
            kind=EventKind.NOT_FOUND,
            occurred_at=at,
            payload={"lookup": True},
        )
    status = storable(listed.get("status"), 50)
    return DeliveryReceipt(
        reference=message.reference,
        provider="sendgrid",
        event_id=f"lookup:{message.reference}:{status}"[:128],
        kind=_KINDS.get(status, EventKind.QUEUED),
        occurred_at=_time(listed.get("last_event_time")),
        provider_message_id=message_id_of(storable(listed.get("msg_id"), 255)),
        payload={"lookup": True, "status": status},
    )


def _time(value: Any) -> datetime | None:
    with suppress(TypeError, ValueError):
        return datetime.fromisoformat(value).astimezone(UTC)
    return None
