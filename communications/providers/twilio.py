"""Twilio: SMS and WhatsApp by the Messages API (2010-04-01), status callbacks, inbound messages.

What it really does: `POST /Messages` has no idempotency key, and a 500 does not say whether the message was taken, so
only answers that are a refusal (4xx, 503) count as not taken. Callbacks come in any order, carry no time, and may come
before the answer to the POST; they find their message by our id in the callback's address. The signature has no time
either, so a replay verifies for ever and is caught by its content.
"""

import asyncio
import base64
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode
from uuid import UUID

import aiohttp
from django.conf import settings
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from twilio.request_validator import RequestValidator

from communications.choices import EventKind
from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.providers.base import (
    Capabilities,
    DeliveryReceipt,
    OutboundMessage,
    Outcome,
    SendResult,
    StoredRequest,
)
from communications.providers.http import Answer, NoAnswer, NotSent, Wire, form, retry_after
from customers.choices import Channel
from interactions.actions.facts import InboundMessage

_WHATSAPP = "whatsapp:"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_OPTED_OUT = "21610"
_KINDS = {
    "accepted": EventKind.QUEUED,
    "scheduled": EventKind.QUEUED,
    "queued": EventKind.QUEUED,
    "sending": EventKind.QUEUED,
    "sent": EventKind.SENT,
    "delivered": EventKind.DELIVERED,
    "read": EventKind.READ,
    "undelivered": EventKind.UNDELIVERED,
    "failed": EventKind.FAILED,
    "canceled": EventKind.FAILED,
}
_MAX_VALIDITY = 36_000  # seconds; Twilio's own queue lives ten hours
_PAGE_SIZE = 1_000  # the most a page of a list holds
_LOOKUP_MARGIN = timedelta(minutes=5)


class Twilio:
    name = "twilio"
    capabilities = Capabilities(
        channels=frozenset({Channel.SMS, Channel.WHATSAPP}), lookup=True, inbound=True, events=True
    )

    def __init__(self) -> None:
        self._wire = Wire()

    async def send(self, batch: Sequence[OutboundMessage]) -> list[SendResult]:
        return list(await asyncio.gather(*(self._send_one(message) for message in batch)))

    async def lookup(self, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        """By To, From and time, then the text: the list does not carry our id."""
        found = await asyncio.gather(*(self._look_up_one(message) for message in messages))
        return [receipt for receipts in found for receipt in receipts]

    def verify(self, request: HttpRequest, url: str) -> None:
        signature = request.headers.get("X-Twilio-Signature", "")
        form = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        tokens = [token for token in (settings.TWILIO_AUTH_TOKEN, settings.TWILIO_AUTH_TOKEN_PREVIOUS) if token]
        if not any(_is_signed(token, url, form, signature) for token in tokens):
            raise WebhookRejected("The signature does not fit the request.")

    def parse_inbound(self, stored: StoredRequest) -> Iterator[InboundMessage]:
        form = _form(stored)
        missing = [name for name in ("MessageSid", "From", "To") if not form.get(name)]
        if missing:
            raise UnreadableDelivery(f"The message has no {' and no '.join(missing)}.")
        yield InboundMessage(
            channel=Channel.WHATSAPP if form["From"].startswith(_WHATSAPP) else Channel.SMS,
            line="whatsapp" if form["From"].startswith(_WHATSAPP) else self.name,
            sender=form["From"].removeprefix(_WHATSAPP),
            recipient=form["To"].removeprefix(_WHATSAPP),
            content=form.get("Body", ""),
            channel_message_id=form["MessageSid"],
            sender_name=form.get("ProfileName", ""),
            sent_at=stored.received_at,
            thread_message_ids=[form["OriginalRepliedMessageSid"]] if form.get("OriginalRepliedMessageSid") else [],
            media_urls=[form[f"MediaUrl{n}"] for n in range(_number(form.get("NumMedia"))) if form.get(f"MediaUrl{n}")],
            segments=_number(form.get("NumSegments")) or 1,
            opt_out_type=form.get("OptOutType", ""),
            metadata=_known(form, "FromCity", "FromState", "FromCountry", "WaId", "AccountSid"),
        )

    def parse_events(self, stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        form = _form(stored)
        status, sid = form.get("MessageStatus") or form.get("SmsStatus", ""), form.get("MessageSid", "")
        kind = _KINDS.get(status)
        if kind is None or not sid:
            raise UnreadableDelivery(f"The status {status!r} of the message {sid!r} is not one of Twilio's.")
        yield DeliveryReceipt(
            reference=_reference(stored),
            provider=self.name,
            event_id=f"{sid}:{status}:{form.get('ErrorCode', '')}"[:128],
            kind=kind,
            occurred_at=_done_at(form.get("RawDlrDoneDate", "")),
            received_at=stored.received_at,
            provider_message_id=sid,
            error_code=form.get("ErrorCode", ""),
            reason=form.get("ErrorMessage", ""),
            payload=_known(
                form, "MessageStatus", "ErrorCode", "ErrorMessage", "RawDlrDoneDate", "ChannelStatusMessage"
            ),
            delivery_id=stored.id,
        )

    async def _send_one(self, message: OutboundMessage) -> SendResult:
        try:
            answer = await self._wire.call("POST", _messages_url(), data=form(_fields(message)), headers=_headers())
        except NotSent as error:
            return SendResult(
                reference=message.reference, outcome=Outcome.RETRY, detail=str(error), error_code="not_sent"
            )
        except NoAnswer as error:
            return SendResult(
                reference=message.reference, outcome=Outcome.UNCERTAIN, detail=str(error), error_code="no_answer"
            )
        return _result(message, answer)

    async def _look_up_one(self, message: OutboundMessage) -> list[DeliveryReceipt]:
        since = (message.created_at or datetime.now(UTC)) - _LOOKUP_MARGIN
        query = {
            "To": _address(message, message.recipient),
            "From": _address(message, message.sender),
            "PageSize": str(_PAGE_SIZE),
        }
        listed = await self._listed(f"{_messages_url()}?{urlencode(query)}", since)
        if listed is None:
            return []
        fitting = [m for m in listed if m.get("body") == message.text and _made_after(m, since)]
        return [_found(message, each) for each in fitting] or [_not_found(message)]

    async def _listed(self, url: str, since: datetime) -> list[Mapping[str, Any]] | None:
        """A list, newest first, as far back as `since`; None when a page of it could not be had: half a list proves nothing.

        Not filtered by DateSent, which a message that is still queued does not have.
        """
        messages: list[Mapping[str, Any]] = []
        while url:
            try:
                answer = await self._wire.call("GET", url, headers=_headers())
            except (NotSent, NoAnswer):
                return None
            page = answer.json()
            if answer.status != 200 or "messages" not in page:
                return None
            messages += page["messages"]
            reached = not page["messages"] or not _made_after(page["messages"][-1], since)
            following = None if reached else page.get("next_page_uri")
            url = f"{settings.TWILIO_BASE_URL}{following}" if following else ""
        return messages


def _is_signed(token: str, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
    """The common case by hand, since it is asked of every webhook; Twilio's own validator has the last word.

    It also tries the address with and without its port, and costs eight times as much.
    """
    text = url + "".join(name + value for name, value in sorted(set(form)))
    expected = base64.b64encode(hmac.digest(token.encode(), text.encode("utf-8", "replace"), "sha1"))
    if hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
        return True
    pairs = MultiValueDict[str, str]()
    for name, value in form:
        pairs.appendlist(name, value)
    return RequestValidator(token).validate(url, pairs, signature)


def _messages_url() -> str:
    return f"{settings.TWILIO_BASE_URL}/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Messages.json"


def _headers() -> dict[str, str]:
    return _headers_for(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN)


@lru_cache(maxsize=4)
def _headers_for(account: str, token: str) -> dict[str, str]:
    return _FORM | {"Authorization": aiohttp.encode_basic_auth(account, token)}


def _fields(message: OutboundMessage) -> dict[str, str]:
    fields = {
        "To": _address(message, message.recipient),
        "From": _address(message, message.sender),
        "Body": message.text,
        # Retried up to five times whatever went wrong, where by default only a refused connection is, once.
        "StatusCallback": f"{settings.PUBLIC_BASE_URL}/api/webhooks/twilio/status?m={message.reference}#rc=5&rp=all",
    }
    if message.expires_at:
        seconds = int((message.expires_at - datetime.now(UTC)).total_seconds())
        fields["ValidityPeriod"] = str(min(max(seconds, 1), _MAX_VALIDITY))
    return fields


def _address(message: OutboundMessage, address: str) -> str:
    return f"{_WHATSAPP}{address}" if message.channel == Channel.WHATSAPP else address


def _result(message: OutboundMessage, answer: Answer) -> SendResult:
    body = answer.json()
    if answer.status in (200, 201):
        return _accepted(message, body)
    code, detail = str(body.get("code", answer.status))[:50], str(body.get("message", ""))[:500]
    return SendResult(
        reference=message.reference,
        outcome=_outcome(answer.status),
        error_code=code,
        detail=detail or f"HTTP {answer.status}",
        retry_after=retry_after(answer),
        opted_out=code == _OPTED_OUT,
        throttled=answer.status == 429,
    )


def _accepted(message: OutboundMessage, body: Mapping[str, Any]) -> SendResult:
    """Without a SID in it the answer proves nothing: a proxy's page, or a body cut off."""
    if not body.get("sid"):
        return SendResult(
            reference=message.reference,
            outcome=Outcome.UNCERTAIN,
            error_code="bad_answer",
            detail="The answer has no message id.",
        )
    return SendResult(
        reference=message.reference,
        outcome=Outcome.ACCEPTED,
        provider_message_id=str(body["sid"]),
        segments=_number(body.get("num_segments")) or None,
        price=_price(body.get("price")),
        price_currency=str(body.get("price_unit") or "")[:3],
    )


def _outcome(status: int) -> Outcome:
    match status:
        case 401 | 403:
            return Outcome.DOWN  # our account, not this message
        case 408 | 429 | 503:
            return Outcome.RETRY
        case _ if 400 <= status < 500:
            return Outcome.REJECTED
    return Outcome.UNCERTAIN


def _price(value: Any) -> Decimal | None:
    """Twilio writes what it takes as a negative number, and nothing until it knows."""
    try:
        return abs(Decimal(str(value))) if value is not None else None
    except InvalidOperation:
        return None


def _found(message: OutboundMessage, listed: Mapping[str, Any]) -> DeliveryReceipt:
    status, sid = str(listed.get("status")), str(listed.get("sid"))
    kind = _KINDS.get(status, EventKind.QUEUED)
    return DeliveryReceipt(
        reference=message.reference,
        provider=Twilio.name,
        event_id=f"lookup:{sid}:{status}"[:128],
        kind=kind,
        occurred_at=_listed_at(listed),
        provider_message_id=sid,
        error_code=str(listed.get("error_code") or ""),
        reason=str(listed.get("error_message") or ""),
        payload={"lookup": True, "status": status},
    )


def _not_found(message: OutboundMessage) -> DeliveryReceipt:
    at = datetime.now(UTC)
    return DeliveryReceipt(
        reference=message.reference,
        provider=Twilio.name,
        event_id=f"lookup:none:{message.reference}:{at.timestamp()}"[:128],
        kind=EventKind.NOT_FOUND,
        occurred_at=at,
        payload={"lookup": True},
    )


def _made_after(listed: Mapping[str, Any], since: datetime) -> bool:
    at = _listed_at(listed)
    return at is None or at >= since


def _listed_at(listed: Mapping[str, Any]) -> datetime | None:
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(str(listed.get("date_created")))
    return None


def _form(stored: StoredRequest) -> dict[str, str]:
    try:
        pairs = parse_qsl(stored.body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise UnreadableDelivery(f"The body is not a form: {error}") from error
    return {name: value.replace("\x00", "") for name, value in pairs}


def _reference(stored: StoredRequest) -> UUID:
    values = parse_qs(stored.query_string).get("m", [""])
    try:
        return UUID(values[0])
    except ValueError as error:
        raise UnreadableDelivery("The callback's address does not name a message of ours.") from error


def _done_at(text: str) -> datetime | None:
    """`RawDlrDoneDate` is YYMMDDhhmm, to the minute and without a zone; Twilio means UTC."""
    with suppress(ValueError):
        return datetime.strptime(text[:10], "%y%m%d%H%M").replace(tzinfo=UTC)
    return None


def _number(text: Any) -> int:
    return int(text) if str(text or "").isdecimal() and len(str(text)) < 6 else 0


def _known(form: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: form[name][:1000] for name in names if form.get(name)}
