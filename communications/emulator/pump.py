"""What posts to Rapport in its own time: one task that starts whatever is due, the posts under way, and waiting for the end.

A child says in `_turn` what is due; what is told to it again (`_wake`) makes it look.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Pump(ABC):
    """`pending` counts what is still to be posted, `delivered` and `failed` what got a 2xx and what did not."""

    def __init__(self) -> None:
        self.pending = self.delivered = self.failed = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._active: set[asyncio.Task[None]] = set()
        self._flushing = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """What was not posted stays open in the ledger and is posted after the next start."""
        tasks = [task for task in (self._task, *self._active) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something changed: look again at what is due."""
        self._wake.set()

    @abstractmethod
    def _turn(self) -> float | None:
        """Starts what is due; answers how long to sleep, None until woken."""

    async def _drain(self, seconds: float) -> dict[str, int]:
        """Everything is due at once; waits until all of it is posted, and counts what was."""
        before = self.delivered, self.failed
        self._flushing = True
        self._wake.set()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._until_idle(), seconds)
        finally:
            self._flushing = False
        delivered, failed = self.delivered - before[0], self.failed - before[1]
        return {"delivered": delivered, "failed": failed, "pending": self.pending}

    async def _until_idle(self) -> None:
        while self.pending:
            self._idle.clear()
            await self._idle.wait()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = self._turn()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _start(self, posting: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(posting)
        self._active.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._wake.set()

    def _forget(self) -> None:
        """What is being posted right now is let go, and nothing was counted."""
        for task in self._active:
            task.cancel()
        self.pending = self.delivered = self.failed = 0
        self._idle.set()

    def _done(self, posts: int) -> None:
        self.pending -= posts
        if not self.pending:
            self._idle.set()
