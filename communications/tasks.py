"""Thin: each claims or loads, and calls one action. They carry no work, so any of them may be lost or run twice."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings

from communications import watchdog
from communications.actions import bulk, journal, reminders, upkeep
from communications.sending import run, sweep
from customers.choices import Purpose

log = structlog.get_logger(__name__)

# Celery tells its children nothing when it is asked to stop, so they look at this between slices. Made at import, before
# the pool forks.
_stopping = multiprocessing.Event()
worker_ready.connect(watchdog.watch)


@worker_shutting_down.connect
def _stop_between_slices(**_: Any) -> None:
    _stopping.set()


@shared_task(ignore_result=True)
def send_transactional() -> None:
    run.send_in_lanes(Purpose.TRANSACTIONAL, lanes=settings.SEND_LANES, should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def send_marketing() -> None:
    run.send_in_lanes(Purpose.MARKETING, lanes=settings.SEND_LANES, should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def process_journal() -> None:
    journal.process_due(should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def expand_bulks() -> None:
    bulk.expand_bulks(should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def tick() -> None:
    """Every few seconds: wake what is due, sweep up, plan. Schedules are rows."""
    for step in (
        sweep.sweep,
        reminders.withdraw_stale_reminders,
        reminders.run_due_schedules,
        upkeep.tidy,
    ):
        _even_if_another_fails(step)


@shared_task(ignore_result=True)
def settle_doubts() -> None:
    """Apart from the tick: it waits for providers."""
    upkeep.settle_doubts()


def _even_if_another_fails(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:  # the next step has nothing to do with it
        log.exception("tick_step_failed", step=getattr(step, "__name__", ""))
