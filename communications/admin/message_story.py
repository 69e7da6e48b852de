"""What happened to one message, from being taken on to the last word of its provider, in one line of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Coalesce
from django.utils.timezone import localtime

from communications.choices import EventKind, MessageStatus
from communications.models import DeliveryEvent, MessageData
from config.back_office import json_block

MOST_EVENTS = 200
_BAD = {
    EventKind.UNDELIVERED,
    EventKind.FAILED,
    EventKind.BOUNCED,
    EventKind.COMPLAINED,
    EventKind.UNSUBSCRIBED,
    EventKind.NOT_FOUND,
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """`about` is one line beside the time, `said` a sentence, `answer` what the provider wrote, word for word.

    `rank` tells steps of the same second apart; `not_before` is what it cannot have preceded, whatever its clock says.
    """

    at: datetime
    title: str
    about: str = ""
    said: str = ""
    is_bad: bool = False
    answer: str = ""
    rank: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Story:
    """The steps, the oldest first. `is_cut`: the provider said more than is shown; `is_heard`: it said something."""

    steps: list[Step]
    is_cut: bool
    is_heard: bool


def story_of(message: MessageData) -> Story:
    """One query; of the provider's words the first 200."""
    ordered = message.delivery_events.order_by(Coalesce("occurred_at", "received_at"), "received_at", "id")
    events = list(ordered[: MOST_EVENTS + 1])
    steps = [*_own(message), *(_told(event, message.sent_ts) for event in events[:MOST_EVENTS])]
    is_cut = len(events) > MOST_EVENTS
    return Story(steps=sorted(steps, key=_place), is_cut=is_cut, is_heard=bool(events))


def _place(step: Step) -> tuple[datetime, int]:
    """Providers tell whole seconds, or minutes: things stand in the order in which they must have been."""
    return max(step.at, step.not_before or step.at).replace(microsecond=0), step.rank


def _own(message: MessageData) -> Iterator[Step]:
    """What we did ourselves, as the row tells it: of the decisions it keeps the last."""
    by = f"by {message.created_by}" if message.created_by else "by the program"
    yield Step(at=message.created_ts, title="Taken on", about=by)
    if message.decided_ts and (message.decision or message.decision_reason):
        words = [message.get_decision_display(), message.get_decision_reason_display()]
        title = "Decided: " + ", ".join(word.lower() for word in words if word)
        is_bad = message.status in (MessageStatus.SUPPRESSED, MessageStatus.UNCERTAIN)
        yield Step(at=message.decided_ts, title=title, said=message.decision_detail, is_bad=is_bad)
    if message.sent_ts:
        known = f"as {message.provider_message_id}" if message.provider_message_id else ""
        yield Step(at=message.sent_ts, title=f"Taken by {message.provider}", about=known)
    if message.failed_ts and message.status == MessageStatus.FAILED:
        yield Step(at=message.failed_ts, title="Failed", said=message.failed_reason, is_bad=True)


def _told(event: DeliveryEvent, taken_at: datetime | None) -> Step:
    about = [event.provider]
    if event.occurred_at and abs((event.received_at - event.occurred_at).total_seconds()) > 1:
        about.append(f"heard {localtime(event.received_at):%H:%M:%S}")
    about += [f"error {event.error_code}"] if event.error_code else []
    about += [part for part in (event.url, str(event.ip_address or ""), event.user_agent) if part]
    at = event.occurred_at or event.received_at
    return Step(
        at=at,
        not_before=event.received_at if taken_at and at < taken_at else None,
        title=event.get_kind_display(),
        about=", ".join(about),
        said=event.reason,
        is_bad=event.kind in _BAD,
        rank=1 + list(EventKind).index(EventKind(event.kind)),
        answer=json_block(event.payload) if event.payload else "",
    )
