"""The database as a test needs it: many connections at the same moment, somebody who waits, and all that is stored."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from config.db import fetch_all

_SECONDS = 30


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each deed returns, all begun at the same moment, each on a connection of its own. Raises the first error."""
    start = Barrier(len(deeds))
    with ThreadPoolExecutor(len(deeds)) as pool:
        waiting = [pool.submit(_begin, deed, start) for deed in deeds]
        return [each.result() for each in waiting]


def overtaken(ours: Callable[[], Any], theirs: Callable[[], Any], *, then: Callable[[], Any] = lambda: None) -> Any:
    """What `theirs` returns, when on its own connection it waits for a lock that `ours` took, until `ours` is committed.

    While it waits, ours goes on with `then`: if that wants what `theirs` holds, PostgreSQL ends one of them.
    """
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ours()
            future = pool.submit(_begin, theirs, Barrier(1))
            _until_somebody_waits(future)
            then()
        return future.result()


def stored() -> dict[str, int]:
    """How many rows every table has."""
    return {
        model._meta.label: model._base_manager.count()
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy
    }


def _begin(deed: Callable[[], Any], start: Barrier) -> Any:
    try:
        connection.ensure_connection()
        start.wait(_SECONDS)
        return deed()
    except BaseException:
        start.abort()
        raise
    finally:
        connection.close()


def _until_somebody_waits(future: "Future[Any]") -> None:
    deadline = time.monotonic() + _SECONDS
    while not future.done() and time.monotonic() < deadline:
        fetch_all("SELECT pg_stat_clear_snapshot()")  # within a transaction the view stands still
        if fetch_all("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"):
            return
        time.sleep(0.01)
    raise AssertionError("It was meant to wait for a lock, and did not.")
