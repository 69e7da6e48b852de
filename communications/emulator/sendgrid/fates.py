"""What becomes of a mail after it was taken: by its address, by the plan, or delivered like most.

A fate is a list of SendGrid's events in their order; when each of them happens is told by the delays in force at the
moment of acceptance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

DELIVERED = "delivered"
SUPPRESSED = "suppressed"
SEEN = ("processed", "delivered", "open")
FATES: Mapping[str, tuple[str, ...]] = {
    DELIVERED: ("processed", "delivered"),
    "bounce": ("processed", "bounce"),
    "blocked": ("processed", "blocked"),
    "deferred": ("processed", "deferred", "delivered"),
    "dropped": ("dropped",),
    SUPPRESSED: ("dropped",),
    "silent": ("processed",),
    "open": SEEN,
    "click": (*SEEN, "click"),
    "spam": (*SEEN, "spamreport"),
    "unsubscribe": (*SEEN, "unsubscribe"),
}
# The delay that an event goes by, where it has none of its own.
DELAYED_AS = {
    "bounce": "delivered",
    "blocked": "delivered",
    "dropped": "delivered",
    "spamreport": "click",
    "unsubscribe": "click",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Percent of all mails: how many do not exist, are opened, have a link followed (and are opened, too)."""

    bounced: float = 0.0
    opened: float = 0.0
    clicked: float = 0.0

    def merged(self, values: Mapping[str, Any]) -> "Plan":
        """TypeError or ValueError for what makes no sense."""
        plan = replace(self, **{name: float(value) for name, value in values.items()})
        if min(plan.bounced, plan.opened, plan.clicked) < 0 or plan.bounced + max(plan.opened, plan.clicked) > 100:
            raise ValueError("a plan has percentages: bounced and opened are at most 100 together")
        return plan

    def draw(self, chance: Random) -> str:
        if not (self.bounced or self.opened or self.clicked):
            return DELIVERED
        drawn = chance.random() * 100
        if drawn < self.bounced:
            return "bounce"
        if drawn < self.bounced + self.clicked:
            return "click"
        return "open" if drawn < self.bounced + self.opened else DELIVERED


def by_address(address: str) -> str | None:
    """None: nothing special about it."""
    word = address.partition("@")[0].rpartition("+")[2].lower()
    return word if word in FATES and word not in (DELIVERED, SUPPRESSED) else None
