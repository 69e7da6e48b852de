"""The phones: every message that was accepted or written, in memory, rebuilt from the ledger at start.

A message carries its whole future (`steps`: which state it reaches when), so its state at any moment is a calculation
and a hundred thousand messages need no timer. Callbacks run beside; one that was flushed early pulls the state along.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Step(NamedTuple):
    """`at` is epoch seconds."""

    status: str
    at: float


@dataclass(slots=True, kw_only=True)
class Message:
    """One message between one of our lines and one phone. Addresses: E.164, `whatsapp:+…`, a short code or a name."""

    sid: str
    provider: str
    direction: str  # outbound-api | outbound-reply | inbound
    sender: str
    to: str
    body: str
    created: float
    initial: str  # queued | accepted | scheduled | received
    segments: int = 1
    steps: tuple[Step, ...] = ()
    error: int | None = None
    service: str | None = None
    media: tuple[str, ...] = ()
    origin: str = "api"  # api | phone | twiml | carrier
    reference: str | None = None
    status_callback: str | None = None
    reached: int = 0  # steps already told by a callback, whatever the clock says
    canceled: float | None = None

    @property
    def outbound(self) -> bool:
        return self.direction != "inbound"

    @property
    def phone(self) -> str:
        """The address of the person."""
        return self.to if self.outbound else self.sender

    @property
    def line(self) -> str:
        """Our own address."""
        return self.sender if self.outbound else self.to

    @property
    def channel(self) -> str:
        return "whatsapp" if self.phone.startswith("whatsapp:") else "sms"

    def progress(self, now: float) -> int:
        """How many of the steps have happened; none at the moment of acceptance, however short the delays."""
        return max(self.reached, sum(step.at < now for step in self.steps))

    def status(self, now: float) -> str:
        if self.canceled is not None:
            return "canceled"
        done = self.progress(now)
        return self.steps[done - 1].status if done else self.initial

    def sent_at(self, now: float) -> float | None:
        """When it left, epoch seconds; None while it waits. What somebody wrote to us left when it was written."""
        if not self.outbound or not self.steps:
            return self.created
        return min(self.steps[0].at, now) if self.progress(now) and self.canceled is None else None

    def updated_at(self, now: float) -> float:
        if self.canceled is not None:
            return self.canceled
        done = self.progress(now)
        return min(self.steps[done - 1].at, now) if done else self.created

    def failed_with(self, now: float) -> int | None:
        return self.error if self.status(now) in ("failed", "undelivered") else None


@dataclass(slots=True)
class Phone:
    address: str
    messages: list[Message] = field(default_factory=list)
    seen: int = 0  # messages that somebody has looked at

    @property
    def unread(self) -> int:
        return sum(message.outbound for message in self.messages[self.seen :])


class Store:
    """`phones` is ordered by last activity, oldest first; `opted_out` holds pairs of (our line, phone)."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.phones: dict[str, Phone] = {}
        self.opted_out: set[tuple[str, str]] = set()

    def add(self, message: Message) -> None:
        self.messages[message.sid] = message
        phone = self.phones.pop(message.phone, None) or Phone(message.phone)
        phone.messages.append(message)
        self.phones[message.phone] = phone

    def remove(self, sid: str) -> None:
        message = self.messages.pop(sid)
        phone = self.phones[message.phone]
        phone.seen -= phone.messages.index(message) < phone.seen
        phone.messages.remove(message)

    def newest_first(self, *, to: str | None = None, sender: str | None = None) -> Iterator[Message]:
        """Narrowed by the thread of whichever address is a phone, since those lists are short."""
        phone = self.phones.get(to or "") or self.phones.get(sender or "")
        for message in reversed(phone.messages) if phone else reversed(self.messages.values()):
            if (to is None or message.to == to) and (sender is None or message.sender == sender):
                yield message

    def read_everything(self) -> None:
        for phone in self.phones.values():
            phone.seen = len(phone.messages)

    def clear(self) -> None:
        self.messages.clear()
        self.phones.clear()
        self.opted_out.clear()
