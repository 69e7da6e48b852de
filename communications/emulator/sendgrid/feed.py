"""The event webhook: what happens to many mails is gathered and posted in arrays, so many events or so often.

A batch that is not answered with 2xx comes again, later and later, for a day, as SendGrid does it: same events, same ids.
Hold, repeat, shuffle, early and forged are the settings of `callbacks`, which the phones obey too.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random

from communications.emulator.callbacks import BEFORE_ANSWER_LIMIT, CallbackSettings
from communications.emulator.ledger import Ledger
from communications.emulator.pump import Pump
from communications.emulator.sendgrid import events
from communications.emulator.sendgrid.events import Wave
from communications.emulator.sendgrid.letters import Letters
from communications.emulator.sendgrid.mailbox import Call, Mailbox
from communications.emulator.webhooks import Webhooks

CONNECTIONS = 4
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
AT_ONCE = 0.0
GIVEN_UP_AFTER = 24 * 3600.0


@dataclass(kw_only=True, slots=True)
class Batch:
    """`body` is made when it is posted first."""

    waves: Sequence[Wave]
    size: int
    copies: int
    forged: bool
    since: float
    body: bytes = b""
    tries: int = 0


@dataclass(kw_only=True, slots=True)
class Parts:
    """What a feed works with. `settings` answers those in force; `browse` opens a mail or follows its link where SendGrid
    was told not to track it, so that there is no event to post."""

    ledger: Ledger
    webhooks: Webhooks
    letters: Letters
    mailbox: Mailbox
    chance: Random
    url: str
    settings: Callable[[], CallbackSettings]
    browse: Callable[[Wave], bool] = field(default=lambda wave: False)


class Feed(Pump):
    """The events of mails. Its counts are of events; `retrying` are those whose batch failed and comes again later."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts
        self.retrying = 0
        self._later: list[tuple[float, int, Wave]] = []
        self._again: list[tuple[float, int, Batch]] = []
        self._ready: deque[tuple[Wave, float]] = deque()
        self._ready_size = 0
        self._order = count()

    async def announce(self, call: Call) -> None:
        """A call was accepted: with `before_answer` its first events are posted before the caller goes on."""
        planned, settings = events.waves(call), self.parts.settings()
        if planned and settings.before_answer and not settings.hold:
            first = [wave for wave in planned if wave.event == planned[0].event]
            size = sum(len(wave.indexes) for wave in first)
            self.pending += size
            posting = self._start(self._deliver(self._batch(first, size)))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(posting), BEFORE_ANSWER_LIMIT)
            planned = planned[len(first) :]
        self.add(planned)

    def add(self, waves: Sequence[Wave]) -> None:
        settings = self.parts.settings()
        for wave in waves:
            self.pending += len(wave.indexes)
            if not settings.shuffle_ms:
                heapq.heappush(self._later, (wave.at, next(self._order), wave))
                continue
            for place in wave.indexes:
                late = self.parts.chance.uniform(0, settings.shuffle_ms) / 1000
                heapq.heappush(self._later, (wave.at + late, next(self._order), wave.of([place])))
        self._wake.set()

    def reset(self) -> None:
        """Forgets what is queued; what is being posted right now is let go."""
        for queue in (self._later, self._again, self._ready):
            queue.clear()
        self._ready_size = self.retrying = 0
        self._forget()

    async def flush(self, seconds: float) -> dict[str, int]:
        """Makes everything due at once, retries included, and waits until all of it was tried; `hold` has ended before."""
        self._again = [(AT_ONCE, order, batch) for _, order, batch in self._again]
        self.pending, self.retrying = self.pending + self.retrying, 0
        return await self._drain(seconds)

    def _turn(self) -> float | None:
        now, settings = time.time(), self.parts.settings()
        if settings.hold:
            return None
        while self._again and self._again[0][0] <= now and self._is_free():
            due, _, batch = heapq.heappop(self._again)
            if due > AT_ONCE:
                self.retrying, self.pending = self.retrying - batch.size, self.pending + batch.size
            self._start(self._deliver(batch))
        while self._later and (self._flushing or self._later[0][0] <= now):
            self._gather(heapq.heappop(self._later)[2], now)
        window = settings.batch_ms / 1000
        while self._ready and self._is_free() and self._is_full(now, window, settings.batch_size):
            self._start(self._deliver(self._batch(*self._cut(settings.batch_size))))
        return self._pause(now, window)

    def _pause(self, now: float, window: float) -> float | None:
        if not self._is_free():
            return None
        moments = [queue[0][0] for queue in (self._again, self._later) if queue]
        if self._ready:
            moments.append(self._ready[0][1] + window)
        return max(0.0, min(moments) - now) if moments else None

    def _is_free(self) -> bool:
        return len(self._active) < CONNECTIONS

    def _is_full(self, now: float, window: float, size: int) -> bool:
        return self._flushing or self._ready_size >= size or self._ready[0][1] + window <= now

    def _gather(self, wave: Wave, now: float) -> None:
        if wave.at > now:
            wave.call.told[wave.event] = now
        if self.parts.browse(wave):
            self._done(len(wave.indexes))
            return
        self._ready.append((wave, now))
        self._ready_size += len(wave.indexes)

    def _cut(self, size: int) -> tuple[list[Wave], int]:
        """At most `size` events from the front of those that are ready."""
        taken: list[Wave] = []
        room = size
        while self._ready and room:
            wave, since = self._ready.popleft()
            if len(wave.indexes) > room:
                self._ready.appendleft((wave.of(wave.indexes[room:]), since))
                wave = wave.of(wave.indexes[:room])
            taken.append(wave)
            room -= len(wave.indexes)
        self._ready_size -= size - room
        return taken, size - room

    def _batch(self, waves: Sequence[Wave], size: int) -> Batch:
        settings = self.parts.settings()
        if settings.shuffle_ms:
            waves = self.parts.chance.sample(waves, len(waves))
        return Batch(waves=waves, size=size, copies=settings.copies, forged=settings.forged, since=time.time())

    async def _deliver(self, batch: Batch) -> None:
        parts = self.parts
        batch.body = batch.body or events.payload(batch.waves, parts.letters, parts.mailbox.suppressed)
        for copy in range(1, batch.copies + 1):
            ok = await self._post(batch, copy)
            if not ok and not batch.forged:
                self._retry(batch)
        self._done(batch.size)

    async def _post(self, batch: Batch, copy: int) -> bool:
        url = self.parts.settings().events_url or self.parts.url
        reply = await self.parts.webhooks.post(events.signed(url, batch.body, forged=batch.forged))
        self.parts.ledger.note(
            "callback",
            {
                "provider": "sendgrid",
                "events": batch.size,
                "copy": copy,
                "forged": batch.forged,
                "url": url,
                "answer": reply.status,
                "attempts": batch.tries + 1,
                "error": reply.error,
                "told": [[w.call.message_id, w.event, w.number, list(w.indexes)] for w in batch.waves],
            },
        )
        self.delivered += batch.size if reply.ok else 0
        self.failed += 0 if reply.ok else batch.size
        return reply.ok

    def _retry(self, batch: Batch) -> None:
        if time.time() - batch.since > GIVEN_UP_AFTER:
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**batch.tries)
        again = Batch(
            waves=batch.waves,
            size=batch.size,
            copies=1,
            forged=batch.forged,
            since=batch.since,
            body=batch.body,
            tries=batch.tries + 1,
        )
        self.retrying += batch.size
        heapq.heappush(self._again, (time.time() + pause, next(self._order), again))
