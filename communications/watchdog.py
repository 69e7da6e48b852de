"""A sender that idles while its queue is overdue has lost its broker without noticing it: it ends, and is started anew.

Celery's consumer has stood still after a lost connection more than once (celery#8030, #9054, #10205), and nothing but its
silence shows it. The look is taken by a thread of the worker's main process, over a connection of its own: what that
process shares with the children that it forks must not be touched.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg
import structlog
from celery.worker import state
from django.conf import settings

from communications.sending.claim import due_within
from customers.choices import Purpose

log = structlog.get_logger(__name__)

_LOOKS = 2  # in a row: a sender may just have become idle, and its wake-up may be on its way


def watch(sender: Any, **_: Any) -> None:
    """Begin to look, in a worker that sends."""
    queues = set(sender.app.amqp.queues.consume_from)
    purposes = [purpose for purpose in Purpose if purpose in queues]
    if purposes:
        threading.Thread(target=_watch, args=(purposes,), name="watchdog", daemon=True).start()


def is_overdue(purposes: Sequence[str]) -> bool:
    """Whether batches that could be claimed have been due for too long. Unknown, with the database away, is no."""
    try:
        with psycopg.connect(settings.DATABASE_URL, autocommit=True, connect_timeout=5) as connection:

            def ask(statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
                return connection.execute(statement.encode(), params).fetchall()

            return any(due_within(each, -settings.OVERDUE_SECONDS, ask=ask) is not None for each in purposes)
    except psycopg.Error:
        return False


def _watch(purposes: Sequence[str]) -> None:
    looks = 0
    while looks < _LOOKS:
        time.sleep(settings.OVERDUE_SECONDS / 4)
        looks = looks + 1 if not state.active_requests and is_overdue(purposes) else 0
    log.error("idle_while_overdue", purposes=[str(purpose) for purpose in purposes])
    os._exit(1)
