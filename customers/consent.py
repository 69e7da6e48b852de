"""Was sending allowed? Derived from the append-only ledger for any moment; never stored.

Two streams speak of an address on a channel. STOP and START (purpose "all") open and close it for everything. Marketing
needs an opt-in of its own besides: START gives back what STOP took, it does not give a consent that never was.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from customers.choices import ConsentPurpose, ConsentStatus, Purpose
from customers.models import ConsentEvent, Suppression


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`because` is the event that decided; None where no event speaks (transactional is then allowed, marketing is not)."""

    allowed: bool
    because: ConsentEvent | None = None


def verdict(events: Sequence[ConsentEvent], purpose: str) -> Verdict:
    """What `events` of one address, oldest first, say about sending for `purpose`."""
    last = {event.purpose: event for event in events}
    everything, specific = last.get(ConsentPurpose.ALL), last.get(purpose)
    if everything and everything.status == ConsentStatus.OPT_OUT:
        return Verdict(allowed=False, because=everything)
    if specific:
        return Verdict(allowed=specific.status == ConsentStatus.OPT_IN, because=specific)
    return Verdict(allowed=purpose == Purpose.TRANSACTIONAL)


def allowed(channel: str, address: str, purpose: str, *, at: datetime | None = None) -> Verdict:
    """Whether sending to `address` on `channel` for `purpose` was allowed at `at` (now)."""
    return verdict(ledger(channel, [address], at=at)[address], purpose)


def ledger(channel: str, addresses: Iterable[str], *, at: datetime | None = None) -> Mapping[str, list[ConsentEvent]]:
    """The events of many addresses up to `at`, oldest first, in one query."""
    events = ConsentEvent.objects.filter(channel=channel, address__in=list(addresses), occurred_at__lte=at or Now())
    found: dict[str, list[ConsentEvent]] = defaultdict(list)
    for event in events.order_by("occurred_at", "created_at", "id"):
        found[event.address].append(event)
    return found


def suppressions(channel: str, addresses: Iterable[str]) -> Mapping[str, Suppression]:
    """The suppression in force for each address that has one, in one query."""
    rows = Suppression.objects.in_force().filter(channel=channel, address__in=list(addresses)).order_by("-created_at")
    return {row.address: row for row in rows}
