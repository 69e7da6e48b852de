"""Beginning, working off and ending jobs.

A piece and its progress are one transaction under the job's row lock, so whatever dies, no row is passed over and none is
done twice. Whoever began it must still be allowed to do it, at every piece.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pghistory
import structlog
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ALL_VAR, PAGE_VAR
from django.db import Error, OperationalError, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from config.accounts.models import User
from config.db import is_connection_error
from config.jobs.csv import delete_parts, jobs_with_parts
from config.jobs.models import Job
from config.refusals import Refused
from config.wake import wake_task

log = structlog.get_logger(__name__)

EXPORT = "export_csv"
KEPT, REMEMBERED = timedelta(days=7), timedelta(days=30)  # an export's file; any other job
MOST_CHANGED = 50_000  # rows whose keys a job keeps
_MOST_NOTES = 100
_PIECE = {EXPORT: 5_000}
_SMALL_PIECE = 100


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How many rows did what was asked, and a sentence for each that did not. `told`, where rows are few: what came of each."""

    changed: int
    notes: Sequence[str] = ()
    told: Sequence[str] = ()


def start_job(action: str, rows: QuerySet[Any], *, title: str, query: str, by: User) -> Job:
    """Do `action` to every row of `rows`, which is what `query` finds on the model's list.

    Raises Refused: `empty` when there is no row, `too_many` for a change of more than 50,000.
    """
    last = rows.order_by("-pk").values_list("pk", flat=True).first()
    if last is None:
        raise Refused("empty", "No row matches.")
    keys = None if action == EXPORT else list(rows.order_by("pk").values_list("pk", flat=True)[: MOST_CHANGED + 1])
    if keys and len(keys) > MOST_CHANGED:
        raise Refused("too_many", f"At most {MOST_CHANGED:,} rows are changed at once: narrow the list.")
    with transaction.atomic():
        job = Job.objects.create(
            action=action,
            title=title,
            model=rows.model._meta.label_lower,
            query=query,
            keys=keys,
            until=str(last),
            created_by=by,
        )
        wake_task("config.jobs.tasks.run_jobs")
    return job


def cancel_job(job: Job) -> bool:
    """What was done stays done. False when it is over already."""
    over = {"state": Job.State.CANCELLED, "finished_ts": timezone.now()}
    return bool(Job.objects.unfinished().filter(pk=job.pk).update(**over))


def run_jobs(*, seconds: float, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Work for so long, the oldest job first. Whether there is more to do."""
    end = time.monotonic() + seconds
    for job_id in list(Job.objects.unfinished().order_by("id").values_list("pk", flat=True)):
        while run_piece(job_id):
            if should_stop() or time.monotonic() > end:
                return True
    return False


def run_piece(job_id: UUID) -> bool:
    """The job's next rows. False when none is left, or another worker is at it."""
    try:
        with transaction.atomic():
            return _run_piece(job_id)
    except Exception as error:
        if isinstance(error, Error) and is_connection_error(error):
            raise
        if isinstance(error, OperationalError) and _is_overtaken(error):
            return True  # nothing of the piece was done: once more
        log.exception("job_failed", job=str(job_id))
        with transaction.atomic():
            job = _locked(job_id)
            if job:
                note = f"It stopped at an error: {type(error).__name__}. What was done stays done."
                _finish(job, Job.State.FAILED, note)
        return False


def _is_overtaken(error: OperationalError) -> bool:
    """Whether PostgreSQL gave way to somebody who holds what this piece wants (deadlock, serialization)."""
    return getattr(error.__cause__, "sqlstate", "") in ("40P01", "40001")


def delete_old_jobs() -> None:
    """Files that nobody fetched for a week with their jobs, and what was told of the others for a month.

    And files whose job went with the user who began it.
    """
    at = timezone.now()
    exports, others = Q(action=EXPORT, finished_ts__lt=at - KEPT), Q(finished_ts__lt=at - REMEMBERED)
    for job in Job.objects.filter(exports | others)[:100]:
        delete_parts(job.pk)
        job.delete()
    written = jobs_with_parts()
    for orphan in written.difference(Job.objects.filter(pk__in=written).values_list("pk", flat=True)):
        delete_parts(orphan)


def _run_piece(job_id: UUID) -> bool:
    job = _locked(job_id)
    if job is None:
        return False
    rows = _rows(job)
    if rows is None:
        _finish(job, Job.State.FAILED, "Whoever began it is not allowed to do this any more.")
        return False
    if job.total is None:
        job.total = rows.count() if job.keys is None else len(job.keys)
    keys = _next_keys(job, rows)
    if not keys:
        _finish(job, Job.State.DONE)
        return False
    with pghistory.context(user=str(job.created_by_id), job=str(job.pk)):
        outcome = _admin(job).do_piece(job, rows.filter(pk__in=keys))
    job.notes = [*job.notes, *outcome.notes][:_MOST_NOTES]
    job.state, job.cursor = Job.State.WORKING, str(keys[-1])
    job.position, job.changed = job.position + len(keys), job.changed + outcome.changed
    job.save(update_fields=["notes", "state", "cursor", "position", "changed", "total"])
    return True


def _locked(job_id: UUID) -> Job | None:
    """The job, which nobody cancels meanwhile. None when it is over, or another worker is at it."""
    free = Job.objects.unfinished().select_for_update(skip_locked=True, no_key=True, of=("self",))
    return free.select_related("created_by").filter(pk=job_id).first()


def _next_keys(job: Job, rows: QuerySet[Any]) -> list[Any]:
    """Of the rows that were shown when it began; those that no longer match are passed over by the caller's filter."""
    size = _PIECE.get(job.action, _SMALL_PIECE)
    if job.keys is not None:
        return job.keys[job.position : job.position + size]
    ahead = rows.filter(pk__gt=job.cursor) if job.cursor else rows
    return list(ahead.values_list("pk", flat=True)[:size])


def _rows(job: Job) -> QuerySet[Any] | None:
    """What the list shows to whoever began the job, oldest first; None when he may not do this there."""
    request = HttpRequest()
    query = QueryDict(job.query, mutable=True)
    for name in (PAGE_VAR, ALL_VAR):  # which page was looked at: the job itself may empty it
        query.pop(name, None)
    request.method, request.user, request.GET = "GET", job.created_by, QueryDict(query.urlencode())
    page = _admin(job)
    if not admin.site.has_permission(request) or job.action not in page.get_actions(request):
        return None
    listed: QuerySet[Any] = page.get_changelist_instance(request).get_queryset(request)
    return listed.select_related(None).order_by("pk").filter(pk__lte=job.until)


def _admin(job: Job) -> Any:
    model: type[Model] = apps.get_model(job.model)
    return admin.site.get_model_admin(model)


def _finish(job: Job, state: str, note: str = "") -> None:
    job.state, job.finished_ts = state, timezone.now()
    job.notes = [*job.notes, *([note] if note else [])]
    job.save(update_fields=["state", "finished_ts", "notes", "total"])
