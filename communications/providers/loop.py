"""The event loop on which this thread talks to providers: made once, so that connections are kept alive between calls."""

import asyncio
import atexit
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
_threads = threading.local()


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run to its end on this thread's loop, in the caller's context."""
    runner = getattr(_threads, "runner", None)
    if runner is None:
        runner = _threads.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    return runner.run(work, context=contextvars.copy_context())


def at_close(closing: Callable[[], Awaitable[None]]) -> None:
    """Call `closing` on this thread's loop before it ends."""
    _threads.__dict__.setdefault("closings", []).append(closing)


def close() -> None:
    """Close this thread's connections and its loop; a later `run` begins anew."""
    runner, closings = getattr(_threads, "runner", None), getattr(_threads, "closings", [])
    _forget()
    if runner is not None:
        for closing in closings:
            runner.run(_wait_for(closing))
        runner.close()


async def _wait_for(closing: Callable[[], Awaitable[None]]) -> None:
    await closing()


def _forget() -> None:
    """A forked child must not use its parent's loop or sockets."""
    _threads.__dict__.clear()


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
