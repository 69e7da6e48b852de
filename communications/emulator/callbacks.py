"""Calling back: a queue by due time, at most so many posts at once, and every disorder that real providers show.

The callbacks of one message keep their order (each waits for the one before), unless `shuffle_ms` opens a window in
which all of them are thrown about. Settings count from the moment a message is accepted; `hold` and `forged` from the
moment of posting.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from itertools import count
from random import Random
from typing import Any

from communications.emulator.ledger import Ledger
from communications.emulator.pump import Pump
from communications.emulator.webhooks import CONNECTIONS, Outgoing, Webhooks

DELAYS: Mapping[str, float | None] = {
    "queued": None,
    "processed": 100.0,
    "sent": 150.0,
    "deferred": 400.0,
    "delivered": 700.0,
    "read": None,
    "open": 2500.0,
    "click": 4000.0,
}
BEFORE_ANSWER_LIMIT = 5.0
MAX_COPIES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class CallbackSettings:
    """Delays are milliseconds after acceptance; a delay of None leaves that callback out (failures use `delivered`). Events of
    mails are gathered until there are `batch_size`, or the oldest has waited for `batch_ms`; `events_url` None is the address
    that the emulator was started with."""

    enabled: bool = True
    delays_ms: Mapping[str, float | None] = field(default_factory=lambda: dict(DELAYS))
    copies: int = 1
    shuffle_ms: float = 0.0
    before_answer: bool = False
    hold: bool = False
    forged: bool = False
    batch_size: int = 500
    batch_ms: float = 1000.0
    events_url: str | None = None

    def merged(self, values: Mapping[str, Any]) -> "CallbackSettings":
        """ValueError for a name or a number that makes no sense."""
        known = {item.name for item in fields(self)}
        if unknown := set(values) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        delays = {**self.delays_ms, **values.get("delays_ms", {})}
        if unknown := set(delays) - set(DELAYS):
            raise ValueError(f"unknown delays: {', '.join(sorted(unknown))}")
        if not 1 <= int(values.get("copies", 1)) <= MAX_COPIES:
            raise ValueError(f"copies is 1 to {MAX_COPIES}")
        if int(values.get("batch_size", 1)) < 1:
            raise ValueError("batch_size is at least 1")
        return replace(self, **{**values, "delays_ms": delays})


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """One thing to tell. `render(forged)` makes the signed request, as late as possible; `told` is called
    before posting, and False from it drops the rest of the chain."""

    provider: str
    sid: str
    event: str
    due: float  # epoch seconds
    render: Callable[[bool], Outgoing]
    told: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Item:
    chain: Sequence[Callback]
    copies: int


class CallbackQueue(Pump):
    """The callbacks of messages, one post each."""

    def __init__(self, *, ledger: Ledger, webhooks: Webhooks, chance: Random) -> None:
        super().__init__()
        self.settings = CallbackSettings()
        self._ledger = ledger
        self._webhooks = webhooks
        self._chance = chance
        self._heap: list[tuple[float, int, _Item]] = []
        self._order = count()
        self._next_due = float("inf")

    async def announce(self, chain: Sequence[Callback]) -> None:
        """A message was accepted: with `before_answer` its first callback is posted before the caller goes on."""
        if chain and self.settings.before_answer and not self.settings.hold:
            self.pending += self.settings.copies
            first = self._start(self._deliver(_Item(chain[:1], self.settings.copies)))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(first), BEFORE_ANSWER_LIMIT)
            chain = chain[1:]
        self.add(chain)

    def add(self, chain: Sequence[Callback]) -> None:
        if not chain:
            return
        copies = self.settings.copies
        self.pending += len(chain) * copies
        if not self.settings.shuffle_ms:
            self._push(chain[0].due, _Item(chain, copies))
            return
        for callback in chain:
            for _ in range(copies):
                late = self._chance.uniform(0, self.settings.shuffle_ms) / 1000
                self._push(callback.due + late, _Item((callback,), 1))

    def configure(self, values: Mapping[str, Any]) -> None:
        self.settings = self.settings.merged(values)
        self._wake.set()

    def reset(self) -> None:
        """Forgets what is queued; what is being posted right now is let go."""
        self._heap.clear()
        self.settings = CallbackSettings()
        self._forget()

    async def flush(self, seconds: float) -> dict[str, int]:
        """Ends `hold`, makes everything due at once, waits until all is posted; counts what this flush posted."""
        self.settings = replace(self.settings, hold=False)
        return await self._drain(seconds)

    def _push(self, due: float, item: _Item) -> None:
        heapq.heappush(self._heap, (due, next(self._order), item))
        if due < self._next_due:
            self._wake.set()

    def _turn(self) -> float | None:
        while self._heap and not self.settings.hold and len(self._active) < CONNECTIONS:
            pause = 0 if self._flushing else self._heap[0][0] - time.time()
            if pause > 0:
                self._next_due = self._heap[0][0]
                return pause
            self._start(self._deliver(heapq.heappop(self._heap)[2]))
        self._next_due = float("inf")
        return None

    async def _deliver(self, item: _Item) -> None:
        callback, rest = item.chain[0], item.chain[1:]
        if not callback.told():
            self._done(len(item.chain) * item.copies)
            return
        outgoing = callback.render(self.settings.forged)
        for copy in range(1, item.copies + 1):
            await self._post(callback, outgoing, copy)
        if rest:
            self._push(rest[0].due, _Item(rest, item.copies))

    async def _post(self, callback: Callback, outgoing: Outgoing, copy: int) -> None:
        reply = await self._webhooks.post(outgoing)
        self._ledger.note(
            "callback",
            {
                "provider": callback.provider,
                "sid": callback.sid,
                "event": callback.event,
                "copy": copy,
                "forged": self.settings.forged,
                "url": outgoing.url,
                "answer": reply.status,
                "attempts": reply.attempts,
                "error": reply.error,
            },
        )
        self.delivered += reply.ok
        self.failed += not reply.ok
        self._done(1)
