"""The event loop on which this thread talks to providers: made once, so that connections are kept alive between calls."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_threads = threading.local()


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run to its end on this thread's loop."""
    runner = getattr(_threads, "runner", None)
    if runner is None:
        runner = _threads.runner = asyncio.Runner()
    return runner.run(work, context=contextvars.copy_context())


def _forget() -> None:
    """A forked child must not use its parent's loop or sockets."""
    _threads.__dict__.clear()


os.register_at_fork(after_in_child=_forget)
