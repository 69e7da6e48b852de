"""Thin: wakes carry no work, so any may be lost or run twice."""

from celery import shared_task

from config.jobs import actions
from config.wake import wake_task

_AT_A_TIME_SECONDS = 5.0  # so that long jobs leave room for everything else that workers do


@shared_task(ignore_result=True)
def run_jobs() -> None:
    if actions.run_jobs(seconds=_AT_A_TIME_SECONDS):
        wake_task("config.jobs.tasks.run_jobs")


@shared_task(ignore_result=True)
def tidy() -> None:
    actions.delete_old_jobs()
