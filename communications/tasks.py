"""Thin: each claims or loads, and calls one action. They carry no work, so any of them may be lost or run twice."""

import multiprocessing
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import close_old_connections

from communications.actions import journal, reminders, upkeep
from communications.sending import run, sweep
from customers.choices import Purpose

# Celery tells its children nothing when it is asked to stop, so they look at this between slices. Made at import, before
# the pool forks.
_stopping = multiprocessing.Event()


@worker_shutting_down.connect
def _stop_between_slices(**_: Any) -> None:
    _stopping.set()


@shared_task(ignore_result=True)
def send_transactional() -> None:
    close_old_connections()
    run.send_due(Purpose.TRANSACTIONAL, should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def send_marketing() -> None:
    close_old_connections()
    run.send_due(Purpose.MARKETING, should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def process_journal() -> None:
    journal.process_due(should_stop=_stopping.is_set)


@shared_task(ignore_result=True)
def tick() -> None:
    """Every few seconds: wake what is due, sweep up, plan. Schedules are rows."""
    sweep.sweep()
    reminders.withdraw_stale_reminders()
    reminders.run_due_schedules()
    upkeep.settle_doubts()
    upkeep.tidy()
