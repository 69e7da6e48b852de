"""What each fault cost, counted by message. A message's fate is put down to the fault that struck last before it.

The moment of a loss is when it was promised, of a double when the provider took it again, of a doubt when it arose.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from communications.tests.chaos.invariants import TAKEN, Evidence

BEFORE = "(none)"  # before any fault struck: the provider's own misbehaviour


@dataclass(kw_only=True)
class Fate:
    """One fault of the table. `seconds` is the longest until it was over; `counts` is by fate."""

    strikes: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)


def fates(evidence: Evidence) -> dict[str, Fate]:
    """Every fault of the run, in the order of its first strike. Fates: met, lost, doubled, flagged, uncertain."""
    struck = sorted(evidence.chaos.struck, key=lambda each: each.at)
    moments = [each.at for each in struck]
    found: dict[str, Fate] = defaultdict(Fate)
    for each in struck:
        found[each.name].strikes += 1
        found[each.name].seconds = max(found[each.name].seconds, each.seconds)
    for fate, at in _fates(evidence):
        place = bisect_right(moments, at)
        found[struck[place - 1].name if place else BEFORE].counts[fate] += 1
    return dict(found)


def _fates(evidence: Evidence) -> Iterator[tuple[str, float]]:
    yield from _losses(evidence)
    for row in evidence.rows:
        taken = evidence.taken.get(row.id, [])
        yield "met", row.created_at
        if row.status in TAKEN and not taken:
            yield "lost", row.created_at
        if len(taken) > 1:
            yield "flagged" if row.possible_duplicate else "doubled", sorted(taken)[1]
        if row.status == "uncertain":
            yield "uncertain", row.decided_at


def _losses(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """What was promised and is not there."""
    promises, stored = evidence.chaos.load.promises, {row.id for row in evidence.rows}
    kept = {sid for (sid,) in evidence.chaos.rapport.sql("SELECT channel_message_id FROM communication_messages")}
    yield from (("lost", at) for message, at in promises.accepted.values() if message not in stored)
    yield from (("lost", at) for sid, at in promises.acknowledged.items() if sid not in kept)
