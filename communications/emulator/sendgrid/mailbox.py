"""The mails that were taken. What they say is read from the ledger when somebody looks; kept in memory is what is asked
all the time: whose they are, when they were taken, what becomes of them. A million mails fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from communications.emulator.sendgrid.fates import DELAYED_AS, DELIVERED, FATES

# Why SendGrid drops what is sent to somebody, by the event (or the fate) that came before.
REASONS: Mapping[str, str] = {
    "bounce": "Bounced Address",
    "spam": "Spam Reporting Address",
    "spamreport": "Spam Reporting Address",
    "unsubscribe": "Unsubscribed Address",
}


class Happening(NamedTuple):
    """One event of one mail; `at` is epoch seconds, `number` tells repeats of the same event apart."""

    event: str
    at: float
    number: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """The mails of one API call. A mail is a call and a place in it; `fates` names those that are not just delivered, `more`
    has what somebody did by hand."""

    message_id: str
    created: float
    people: list[str]  # addresses
    delays: Mapping[str, float | None]  # milliseconds
    watched: bool  # events are posted
    open_tracking: bool
    click_tracking: bool
    place: tuple[int, int]  # in the ledger's file
    fates: dict[int, str] = field(default_factory=dict)
    more: dict[int, list[Happening]] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)  # events that were posted ahead of their time, and when

    def fate(self, index: int) -> str:
        return self.fates.get(index, DELIVERED)

    def due(self, event: str) -> float | None:
        """Epoch seconds; None: it never happens."""
        delay = self.delays[DELAYED_AS.get(event, event)]
        return None if delay is None else self.created + delay / 1000

    def steps(self, fate: str) -> list[tuple[str, float]]:
        """The events of a fate and when each of them is due, in order."""
        due = ((event, self.due(event)) for event in FATES[fate])
        return [(event, at) for event, at in due if at is not None]

    def history(self, index: int, now: float) -> list[Happening]:
        """What has happened to a mail so far, oldest first."""
        planned = [Happening(event, self.told.get(event, at)) for event, at in self.steps(self.fate(index))]
        past = [happening for happening in planned if happening.at <= now]
        return sorted([*past, *self.more.get(index, ())], key=lambda happening: happening.at)


@dataclass(frozen=True, slots=True)
class Mail:
    call: Call
    index: int

    @property
    def sid(self) -> str:
        return f"{self.call.message_id}.{self.index}"

    @property
    def to(self) -> str:
        return self.call.people[self.index]


class Mailbox:
    """`suppressed` maps addresses (in lower case) to SendGrid's reason for dropping what is sent to them."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.total = 0
        self.suppressed: dict[str, str] = {}

    def add(self, call: Call) -> None:
        self.calls[call.message_id] = call
        self.total += len(call.people)
        for index, fate in call.fates.items():
            if fate in ("bounce", "spam"):
                self.suppress(call.people[index], fate)

    def suppress(self, address: str, event: str) -> None:
        """Who bounced, complained or unsubscribed is written to no more."""
        if event in REASONS:
            self.suppressed[address.lower()] = REASONS[event]

    def find(self, sid: str) -> Mail:
        """KeyError: there is none."""
        message_id, _, index = sid.rpartition(".")
        call = self.calls[message_id]
        if not index.isdecimal() or int(index) >= len(call.people):
            raise KeyError(sid)
        return Mail(call, int(index))

    def newest_first(self, wanted: str = "") -> Iterator[Mail]:
        """Those whose address contains `wanted`, in any case."""
        wanted = wanted.lower()
        for call in reversed(self.calls.values()):
            for index in range(len(call.people) - 1, -1, -1):
                if not wanted or wanted in call.people[index].lower():
                    yield Mail(call, index)

    def latest(self, limit: int, wanted: str = "") -> list[Mail]:
        return list(islice(self.newest_first(wanted), limit))

    def clear(self) -> None:
        self.calls.clear()
        self.suppressed.clear()
        self.total = 0
