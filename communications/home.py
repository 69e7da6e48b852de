"""What the back office's first page tells: the last day of sending in a fixed number of queries, and how each part fares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from communications.choices import MessageStatus
from communications.models import MessageData, ProviderCircuit, SendBatch, SenderLine, SendingHold, WebhookDelivery

HOURS = 24
HEIGHT = 64  # of a chart, in units of its drawing
_LATE_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One hour of a chart: what it counts, and where it stands."""

    at: datetime
    count: int
    x: int
    height: float

    @property
    def y(self) -> float:
        return HEIGHT - self.height


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The last 24 hours by the hour of the clock, the oldest first: 25 bars, of which the first and the last are parts."""

    bars: Sequence[Bar]

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def busiest(self) -> Bar:
        return max(self.bars, key=lambda bar: bar.count)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Messages whose time has come, since when the first waits, and those whose time comes within a day."""

    due: int
    since: datetime | None
    later: int

    @property
    def is_late(self) -> bool:
        return self.since is not None and self.since < timezone.now() - _LATE_AFTER


@dataclass(frozen=True, kw_only=True)
class Day:
    waiting: Waiting
    sent: Chart
    failed: Chart
    uncertain: int
    quarantined: int
    hold: SendingHold | None


@dataclass(frozen=True, kw_only=True)
class ProviderHealth:
    """`paused` are the lines that staff stopped."""

    name: str
    is_open: bool
    detail: str
    paused: Sequence[str]


def last_day(now: datetime | None = None) -> Day:
    """Six queries, each along an index."""
    now = now or timezone.now()
    return Day(
        waiting=_waiting(now),
        sent=_by_hour("sent_ts", now),
        failed=_by_hour("failed_ts", now),
        uncertain=MessageData.objects.filter(status=MessageStatus.UNCERTAIN).count(),
        quarantined=WebhookDelivery.objects.filter(state=WebhookDelivery.State.QUARANTINED).count(),
        hold=SendingHold.objects.first(),
    )


def providers() -> list[ProviderHealth]:
    """Every provider that was called or has a line of its own. Two queries."""
    paused: dict[str, list[str]] = {}
    for provider, sender, is_paused in SenderLine.objects.values_list("provider", "sender", "paused"):
        paused.setdefault(provider, []).extend([sender or "every other line"] if is_paused else [])
    circuits = {circuit.provider: circuit for circuit in ProviderCircuit.objects.all()}
    return [_health(name, circuits.get(name), paused.get(name, [])) for name in sorted({*paused, *circuits})]


def _health(name: str, circuit: ProviderCircuit | None, paused: Sequence[str]) -> ProviderHealth:
    is_open = circuit is not None and circuit.state == ProviderCircuit.State.OPEN
    detail = circuit.last_error if circuit is not None and is_open else ""
    return ProviderHealth(name=name, is_open=is_open, detail=detail, paused=paused)


def _waiting(now: datetime) -> Waiting:
    batches = SendBatch.objects.filter(state=SendBatch.State.WAITING, due_at__lte=now + timedelta(hours=HOURS))
    due = Q(due_at__lte=now)
    found = batches.aggregate(
        due=Sum("row_count", filter=due), since=Min("due_at", filter=due), later=Sum("row_count", filter=~due)
    )
    return Waiting(due=found["due"] or 0, since=found["since"], later=found["later"] or 0)


def day_before(now: datetime) -> datetime:
    return now - timedelta(hours=HOURS)


def _by_hour(column: str, now: datetime) -> Chart:
    """The hour that the day began in is counted from there on, so there is one bar more than hours."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=back) for back in range(HOURS, -1, -1)]
    rows = MessageData.objects.filter(**{f"{column}__gte": day_before(now), f"{column}__lte": now}).annotate(
        hour=TruncHour(column, tzinfo=now.tzinfo)
    )
    counted = dict(rows.order_by().values_list("hour").annotate(count=Count("id")))
    return Chart(bars=_bars(hours, counted))


def _bars(hours: Sequence[datetime], counted: Mapping[datetime, int]) -> list[Bar]:
    most = max(counted.values(), default=0) or 1
    counts = [counted.get(hour, 0) for hour in hours]
    return [
        Bar(at=hour, count=count, x=place, height=max(HEIGHT * count / most, 2) if count else 0)
        for place, (hour, count) in enumerate(zip(hours, counts, strict=True))
    ]
