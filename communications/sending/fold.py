"""A message's state is a fold over what is known of it: any order and any repeats of the same evidence give the same state.

Evidence only raises the rank scheduled < pending < sending < uncertain < sent < delivered. A terminal negative is left
only by proof that it arrived, never by `sent`. E-mail that was delivered and then bounced has bounced; an SMS that was
delivered and then "undelivered" was delivered (the carriers contradict themselves), and is marked.

What the row says goes into the next fold, so whatever an earlier fold wrote there must come out the same again, or be
told from what our own call wrote.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from communications.choices import EventKind, MessageStatus, Reason

_RANK = {
    MessageStatus.SCHEDULED: 0,
    MessageStatus.PENDING: 1,
    MessageStatus.SENDING: 2,
    MessageStatus.UNCERTAIN: 3,
    MessageStatus.SENT: 4,
    MessageStatus.DELIVERED: 5,
}
_LOST = frozenset({MessageStatus.FAILED, MessageStatus.BOUNCED})
_HELD_BACK = frozenset({MessageStatus.SUPPRESSED, MessageStatus.CANCELLED})  # as we had decided
_NEGATIVE = _LOST | _HELD_BACK
_GONE = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED})
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
_NEGATIVE_WORDS = _REFUSED | {EventKind.BOUNCED}
_LEFT = _SENT | _ARRIVED | _NEGATIVE_WORDS
_OPENED = frozenset({EventKind.OPENED, EventKind.READ})
CONTRADICTION = "delivered_and_undelivered"
_SENT_THOUGH = "sent_though_"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One event, as far as the fold looks at it. `at` is the provider's time, or when we heard of it."""

    kind: EventKind
    at: datetime
    error_code: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the row says before these events: the outcome of our own decision and call, and of earlier folds."""

    status: MessageStatus
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error_code: str = ""
    reason: str = ""
    anomaly: str = ""
    decision_reason: str = ""


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
    decision_reason: str


def fold(standing: Standing, events: Iterable[Evidence], *, bounce_wins: bool) -> State:
    """The state of a message, given all its events. `bounce_wins`: on e-mail a bounce after the delivery is the truth."""
    evidence = sorted(events, key=lambda e: (e.at, e.kind, e.error_code, e.reason))
    kinds = {e.kind for e in evidence}
    status = _status(standing.status, kinds, bounce_wins=bounce_wins)
    refusal = next((e for e in evidence if e.kind in _NEGATIVE_WORDS), None)
    why = refusal or standing
    gone = status in _GONE
    sent_at = _sent_at(standing, evidence)
    anomaly = _anomaly(standing, kinds)
    return State(
        status=status,
        sent_at=sent_at,
        delivered_at=_not_before(sent_at, _first(evidence, {EventKind.DELIVERED}) or _first(evidence, _ARRIVED)),
        opened_at=_first(evidence, _OPENED),
        clicked_at=_first(evidence, {EventKind.CLICKED}),
        failed_at=_earlier(standing.failed_at, refusal.at if refusal else None),
        open_count=sum(e.kind in _OPENED for e in evidence),
        click_count=sum(e.kind is EventKind.CLICKED for e in evidence),
        error_code="" if gone else why.error_code,
        reason="" if gone else why.reason,
        anomaly=anomaly,
        decision_reason=_decision_reason(standing, status, held_back=anomaly.startswith(_SENT_THOUGH)),
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


def _anomaly(standing: Standing, kinds: set[EventKind]) -> str:
    """That we had held it back, and somebody knows of it all the same, outweighs a contradiction."""
    if standing.anomaly.startswith(_SENT_THOUGH):
        return standing.anomaly
    if kinds - {EventKind.NOT_FOUND} and standing.status in _HELD_BACK:
        return _SENT_THOUGH + standing.status.value
    if kinds & _ARRIVED and kinds & _REFUSED:
        return CONTRADICTION
    return standing.anomaly


def _decision_reason(standing: Standing, status: MessageStatus, *, held_back: bool) -> str:
    """Why we had held it back stays for good; what a call had met is over when the status moves on."""
    if held_back or status is standing.status:
        return standing.decision_reason
    return Reason.UNDELIVERED if status in _LOST else ""


def _sent_at(standing: Standing, evidence: Sequence[Evidence]) -> datetime | None:
    """Our own call's time, else the first that an event tells. One that stands among the events was an earlier fold's."""
    if standing.sent_at and all(e.at != standing.sent_at or e.kind not in _LEFT for e in evidence):
        return standing.sent_at
    return _first(evidence, _LEFT)


def _not_before(sent_at: datetime | None, at: datetime | None) -> datetime | None:
    """Carriers tell their times to the minute: nothing arrives before it left."""
    return max(at, sent_at) if at and sent_at else at


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _first(evidence: Sequence[Evidence], kinds: Set[EventKind]) -> datetime | None:
    return next((e.at for e in evidence if e.kind in kinds), None)
