"""A worker that idles while its queue is overdue has lost its broker without noticing it: it ends, and is started anew.

Celery's consumer stands still now and then after its broker was frozen or replaced (celery#8030, #9054, #10205; seen here
in one of ten such cases), and nothing but its silence shows it. Four ticks in vain are proof enough. The look is taken by a
thread of the worker's main process, over a connection of its own: what that process shares with the children that it
forks must not be touched.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
import structlog
from celery.worker import state
from django.conf import settings

from communications.sending.claim import Ask, is_kept_waiting
from communications.sending.sweep import is_behind
from customers.choices import Purpose

log = structlog.get_logger(__name__)

_LOOKS = 2  # in a row: a worker may just have become idle, and its wake-up may be on its way
#: By queue: whether what its worker should have done has been waiting for so many seconds.
_QUESTIONS: Mapping[str, Callable[[float, Ask], bool]] = {
    "celery": is_behind,
    **{purpose.value: partial(is_kept_waiting, purpose.value) for purpose in Purpose},
}


def watch(sender: Any, **_: Any) -> None:
    """Begin to look, in a worker that is ready."""
    queues = sorted(set(sender.app.amqp.queues.consume_from) & set(_QUESTIONS))
    if queues:
        threading.Thread(target=_watch, args=(queues,), name="watchdog", daemon=True).start()


def is_overdue(queues: Sequence[str]) -> bool:
    """Whether something has been waiting there for too long. Unknown, with the database away, is no."""
    try:
        with psycopg.connect(settings.DATABASE_URL, autocommit=True, connect_timeout=5) as connection:

            def ask(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
                return connection.execute(statement.encode(), params).fetchall()

            return any(_QUESTIONS[queue](settings.OVERDUE_SECONDS, ask) for queue in queues)
    except psycopg.Error:
        return False


def _watch(queues: Sequence[str]) -> None:
    time.sleep(settings.OVERDUE_SECONDS)  # what waited before this worker was there is no proof
    looks = 0
    while looks < _LOOKS:
        time.sleep(settings.OVERDUE_SECONDS / 4)
        looks = looks + 1 if not state.active_requests and is_overdue(queues) else 0
    log.error("idle_while_overdue", queues=queues)
    os._exit(1)
