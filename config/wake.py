"""Telling workers and open pages that rows are waiting.

A wake-up carries no work, so it may be lost: the sweeper finds what nobody woke. It must never fail or hold its caller
(with Redis frozen a publish waits as long as Redis does), so it leaves after commit, by a thread of its own, without
retry; equal wake-ups that wait together become one, workers are told the same thing only so often (who works takes all
that is there), and after a failure none leaves for some seconds.
"""

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 3.0
_REST_SECONDS = 0.05  # between two equal wake-ups of workers
_MOST_WAITING = 1_000
_EXIT_SECONDS = 1.0


def wake_task(name: str, *args: str) -> None:
    """Tell a worker, after commit, to run the task `name` (`communications.tasks.send_transactional`)."""
    _after_commit(("task", name, *args), lambda: _send_task(name, args))


def tell_pages(group: str, **event: Any) -> None:
    """Tell open pages that joined `group`, after commit, that something changed. `event` holds a type and ids, never content."""
    key = ("pages", group, *(f"{k}={v}" for k, v in sorted(event.items())))
    _after_commit(key, lambda: _send_to_group(group, event))


def _after_commit(key: tuple[str, ...], send: Callable[[], None]) -> None:
    if settings.WAKE_WORKERS:
        transaction.on_commit(lambda: _bell.ring(key, send), robust=True)


def _send_task(name: str, args: tuple[str, ...]) -> None:
    from config.celery import app  # only now: importing this module stays cheap

    app.send_task(name, args=args, retry=False, ignore_result=True)


def _send_to_group(group: str, event: dict[str, Any]) -> None:
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    if layer is not None:
        _bell.loop().run(asyncio.wait_for(layer.group_send(group, event), timeout=2.0))


class _Bell:
    """What waits to be told, and the thread that tells it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, ...], Callable[[], None]] = {}
        self._rests: dict[tuple[str, ...], float] = {}  # until when
        self._busy = False
        self._thread: threading.Thread | None = None
        self._runner: asyncio.Runner | None = None

    def ring(self, key: tuple[str, ...], send: Callable[[], None]) -> None:
        with self._changed:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting[key] = send
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wake", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def loop(self) -> asyncio.Runner:
        """One event loop for the thread's life: the channel layer keeps its connections by loop."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner

    def flush(self, seconds: float) -> None:
        """Wait until everything was told, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout=seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                send = self._next()
                self._busy = True
            self._tell(send)

    def _next(self) -> Callable[[], None]:
        """What has waited longest and does not rest."""
        while True:
            at = time.monotonic()
            for key in self._waiting:
                if self._rests.get(key, at) <= at:
                    self._rest(key, at)
                    return self._waiting.pop(key)
            soonest = min((self._rests[key] for key in self._waiting), default=None)
            self._changed.wait(None if soonest is None else soonest - at)

    def _rest(self, key: tuple[str, ...], at: float) -> None:
        if len(self._rests) >= _MOST_WAITING:
            self._rests.clear()
        if key[0] == "task":
            self._rests[key] = at + _REST_SECONDS

    def _tell(self, send: Callable[[], None]) -> None:
        try:
            send()
        except Exception as error:  # whatever the broker's client raises: a wake-up never fails
            log.warning("wake_failed", error=type(error).__name__)
            with self._changed:
                self._waiting.clear()
            time.sleep(_PAUSE_SECONDS)


_bell = _Bell()


def _start_afresh() -> None:
    global _bell
    _bell = _Bell()


os.register_at_fork(after_in_child=_start_afresh)
atexit.register(lambda: _bell.flush(_EXIT_SECONDS))
