"""A message's state is a fold over what is known of it: any order and any repeats of the same evidence give the same state.

Evidence only raises the rank scheduled < pending < sending < uncertain < sent < delivered. A terminal negative is left
only by proof that it arrived, never by `sent`. E-mail that was delivered and then bounced has bounced; an SMS that was
delivered and then "undelivered" was delivered (the carriers contradict themselves), and is marked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from communications.choices import EventKind, MessageStatus

_RANK = {
    MessageStatus.SCHEDULED: 0,
    MessageStatus.PENDING: 1,
    MessageStatus.SENDING: 2,
    MessageStatus.UNCERTAIN: 3,
    MessageStatus.SENT: 4,
    MessageStatus.DELIVERED: 5,
}
_NEGATIVE = frozenset({MessageStatus.FAILED, MessageStatus.BOUNCED, MessageStatus.SUPPRESSED, MessageStatus.CANCELLED})
_SENT = frozenset({EventKind.ACCEPTED, EventKind.QUEUED, EventKind.SENT, EventKind.DEFERRED})
_ARRIVED = frozenset(
    {
        EventKind.DELIVERED,
        EventKind.READ,
        EventKind.OPENED,
        EventKind.CLICKED,
        EventKind.COMPLAINED,
        EventKind.UNSUBSCRIBED,
    }
)
_REFUSED = frozenset({EventKind.UNDELIVERED, EventKind.FAILED})
CONTRADICTION = "delivered_and_undelivered"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One event, as far as the fold looks at it. `at` is the provider's time, or when we heard of it."""

    kind: EventKind
    at: datetime
    error_code: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the row says before any event: the outcome of our own decision and call."""

    status: MessageStatus
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error_code: str = ""
    reason: str = ""
    anomaly: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the row shall say. Counts and times are of the evidence given; a time is None where nothing tells it."""

    status: MessageStatus
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    failed_at: datetime | None
    open_count: int
    click_count: int
    error_code: str
    reason: str
    anomaly: str


def fold(standing: Standing, events: Iterable[Evidence], *, bounce_wins: bool) -> State:
    """The state of a message. `bounce_wins`: on e-mail a bounce after the delivery is the truth."""
    evidence = sorted(events, key=lambda e: (e.at, e.kind, e.error_code))
    kinds = {e.kind for e in evidence}
    status = _status(standing.status, kinds, bounce_wins=bounce_wins)
    refusal = next((e for e in evidence if e.kind in _REFUSED | {EventKind.BOUNCED}), None)
    sent_at = standing.sent_at or _first(evidence, _SENT | _ARRIVED | _REFUSED | {EventKind.BOUNCED})
    return State(
        status=status,
        sent_at=sent_at,
        delivered_at=_not_before(sent_at, _first(evidence, {EventKind.DELIVERED}) or _first(evidence, _ARRIVED)),
        opened_at=_first(evidence, {EventKind.OPENED, EventKind.READ}),
        clicked_at=_first(evidence, {EventKind.CLICKED}),
        failed_at=_earlier(standing.failed_at, refusal.at if refusal else None),
        open_count=sum(e.kind in (EventKind.OPENED, EventKind.READ) for e in evidence),
        click_count=sum(e.kind is EventKind.CLICKED for e in evidence),
        error_code=refusal.error_code if refusal else standing.error_code,
        reason=refusal.reason if refusal else standing.reason,
        anomaly=_anomaly(standing.status, kinds) or standing.anomaly,
    )


def _status(current: MessageStatus, kinds: set[EventKind], *, bounce_wins: bool) -> MessageStatus:
    arrived = bool(kinds & _ARRIVED) or current is MessageStatus.DELIVERED
    bounced = EventKind.BOUNCED in kinds or current is MessageStatus.BOUNCED
    if bounced and (bounce_wins or not arrived):
        return MessageStatus.BOUNCED
    if arrived:
        return MessageStatus.DELIVERED
    if current in _NEGATIVE:
        return current
    if kinds & _REFUSED:
        return MessageStatus.FAILED
    reached = MessageStatus.SENT if kinds & _SENT else current
    return max(current, reached, key=lambda status: _RANK[status])


def _anomaly(current: MessageStatus, kinds: set[EventKind]) -> str:
    if kinds & _ARRIVED and kinds & _REFUSED:
        return CONTRADICTION
    if kinds - {EventKind.NOT_FOUND} and current in (MessageStatus.SUPPRESSED, MessageStatus.CANCELLED):
        return "sent_though_" + current.value
    return ""


def _not_before(sent_at: datetime | None, at: datetime | None) -> datetime | None:
    """Carriers tell their times to the minute: nothing arrives before it left."""
    return max(at, sent_at) if at and sent_at else at


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _first(evidence: Iterable[Evidence], kinds: Iterable[EventKind]) -> datetime | None:
    wanted = set(kinds)
    return next((e.at for e in evidence if e.kind in wanted), None)
