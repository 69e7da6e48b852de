"""Calls on SendGrid's wire and what their answers mean for each person in them."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from communications.exceptions import UnreadableDelivery
from communications.providers.base import (
    Capabilities,
    DeliveryReceipt,
    OutboundMessage,
    Outcome,
    SendResult,
    StoredRequest,
)
from communications.providers.http import LONGEST_RETRY_AFTER, Answer, NoAnswer, NotSent, Wire, retry_after
from communications.providers.mail import read_files, storable
from communications.providers.sendgrid import activity, events
from communications.providers.sendgrid.calls import Call, Refused, plan
from customers.choices import Channel
from interactions.actions.facts import InboundMessage

_MOST_BYTES_IN_FLIGHT = 200_000_000
_OF_ALL = (
    "from",
    "reply_to",
    "subject",
    "content",
    "attachments",
    "tracking_settings",
)  # fields that every person of a call shares


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the answer to a call says of everybody in it. `is_about_all`: it would say so of each of them alone."""

    outcome: Outcome
    message_id: str = ""
    code: str = ""
    detail: str = ""
    retry_after: float | None = None
    throttled: bool = False
    is_about_all: bool = False

    def of(self, reference: UUID) -> SendResult:
        return SendResult(
            reference=reference,
            outcome=self.outcome,
            provider_message_id=self.message_id,
            error_code=self.code,
            detail=self.detail,
            retry_after=self.retry_after,
            throttled=self.throttled,
        )


class SendGrid:
    name = "sendgrid"

    def __init__(self) -> None:
        self._wire = Wire()
        channels = frozenset({Channel.EMAIL})
        self.capabilities = Capabilities(
            channels=channels,
            calls_of=settings.SENDGRID_CALL_SIZE,
            lookup=settings.SENDGRID_ACTIVITY,
            absent_after=settings.MAIL_AGAIN_AFTER_SECONDS,
            events=True,
        )

    async def send(self, batch: Sequence[OutboundMessage]) -> list[SendResult]:
        files = await asyncio.to_thread(read_files, [m.template for m in batch if m.template])
        planned = list(plan(batch, files, most=self.capabilities.calls_of))
        results = {each.reference: _refusal(each) for each in planned if isinstance(each, Refused)}
        calls = [each for each in planned if isinstance(each, Call)]
        gate = asyncio.Semaphore(_at_once(calls))
        for delivered in await asyncio.gather(*(self._deliver(call, gate) for call in calls)):
            results.update((result.reference, result) for result in delivered)
        return [results[message.reference] for message in batch]

    async def lookup(self, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        """By our id, where the account has Email Activity."""
        return await activity.look_up(self._wire, messages)

    def verify(self, request: HttpRequest, url: str) -> None:
        events.verify(request)

    def parse_inbound(self, stored: StoredRequest) -> Iterator[InboundMessage]:
        raise UnreadableDelivery("No mail is received through SendGrid.")

    def parse_events(self, stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        return events.receipts(stored)

    async def _deliver(self, call: Call, gate: asyncio.Semaphore) -> list[SendResult]:
        """Post it. A refusal of many took nobody's mail, so it is split until whoever is to blame stands alone."""
        async with gate:
            verdict = await self._post(call)
        if verdict.outcome is Outcome.REJECTED and len(call.people) > 1 and not verdict.is_about_all:
            halves = await asyncio.gather(*(self._deliver(half, gate) for half in call.halves()))
            return [result for half in halves for result in half]
        return [verdict.of(person.reference) for person in call.people]

    async def _post(self, call: Call) -> Verdict:
        headers = {"Authorization": f"Bearer {settings.SENDGRID_API_KEY}", "Content-Type": "application/json"}
        url = f"{settings.SENDGRID_BASE_URL}/v3/mail/send"
        try:
            return _verdict(await self._wire.call("POST", url, data=call.body(), headers=headers))
        except NotSent as error:
            return Verdict(outcome=Outcome.RETRY, code="not_sent", detail=str(error))
        except NoAnswer as error:
            return Verdict(outcome=Outcome.UNCERTAIN, code="no_answer", detail=str(error))


def _at_once(calls: Sequence[Call]) -> int:
    """How many calls may lie in memory together."""
    largest = max((call.size for call in calls), default=1)
    return max(1, min(settings.PROVIDER_CONCURRENCY, _MOST_BYTES_IN_FLIGHT // largest))


def _refusal(refused: Refused) -> SendResult:
    return SendResult(
        reference=refused.reference, outcome=refused.outcome, error_code=refused.code, detail=refused.detail
    )


def _verdict(answer: Answer) -> Verdict:
    if answer.status == 202:
        return _taken(answer)
    errors = _errors(answer)
    said = "; ".join(filter(None, (storable(error.get("message"), 300) for error in errors)))
    return Verdict(
        outcome=_outcome(answer.status),
        code=str(answer.status),
        detail=(said or f"HTTP {answer.status}")[:500],
        retry_after=_retry_after(answer),
        throttled=answer.status == 429,
        is_about_all=bool(errors) and all(_is_shared(error.get("field")) for error in errors),
    )


def _taken(answer: Answer) -> Verdict:
    """Without its id the answer proves nothing: a proxy may have given it."""
    message_id = storable(answer.headers.get("X-Message-Id"), 255)
    if not message_id:
        return Verdict(outcome=Outcome.UNCERTAIN, code="bad_answer", detail="The answer has no X-Message-Id.")
    return Verdict(outcome=Outcome.ACCEPTED, message_id=message_id)


def _outcome(status: int) -> Outcome:
    match status:
        case 400 | 413 | 422:
            return Outcome.REJECTED
        case 408 | 429 | 503:
            return Outcome.RETRY
        case _ if 400 <= status < 500:
            return Outcome.DOWN  # our key, our credits, our sender, our address of the API: not this mail
    return Outcome.UNCERTAIN


def _errors(answer: Answer) -> list[dict[str, object]]:
    errors = answer.json().get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _is_shared(named: object) -> bool:
    return isinstance(named, str) and named.partition(".")[0] in _OF_ALL


def _retry_after(answer: Answer) -> float | None:
    """`Retry-After`, or the moment at which the account's quota is new."""
    seconds = retry_after(answer)
    if seconds is None and (reset := answer.headers.get("X-RateLimit-Reset", "")).isdecimal() and len(reset) < 12:
        seconds = min(max(0.0, int(reset) - time.time()), LONGEST_RETRY_AFTER)
    return seconds
