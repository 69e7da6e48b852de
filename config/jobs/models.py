"""A job: an action of the back office on every row that a list's query finds, and how far it has come."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from config.db import UuidModel, enum_check


class JobState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    WORKING = "working", "Working"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=(JobState.WAITING, JobState.WORKING))


class Job(UuidModel):
    """`query` is the list's. `keys` are the rows that were shown, for an action that changes them.

    An export has none: it walks the list itself, `cursor` being the last row dealt with and `until` the last that counts.
    `changed` of the `position` rows did what was asked, `notes` tell of others.
    """

    PERSONAL_FIELDS: ClassVar = ("query", "notes")

    State = JobState

    action = models.CharField(max_length=100)
    title = models.CharField(max_length=200)
    model = models.CharField(max_length=100, help_text="app.model")
    query = models.TextField(blank=True, default="")
    state = models.CharField(max_length=10, choices=JobState, default=JobState.WAITING)
    total = models.IntegerField(null=True, blank=True)
    position = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    keys = ArrayField(models.UUIDField(), null=True, blank=True)
    cursor = models.CharField(max_length=50, blank=True, default="")
    until = models.CharField(max_length=50)
    notes = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    finished_ts = models.DateTimeField("finished", null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "jobs"
        constraints = (
            enum_check("state", JobState, name="jobs_state"),
            models.CheckConstraint(condition=Q(changed__gte=0) & Q(changed__lte=F("position")), name="jobs_changed"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "working"]) ^ Q(finished_ts__isnull=False),
                name="jobs_finished_paired",
            ),
        )
        indexes = (
            models.Index(fields=["id"], name="idx_jobs_unfinished", condition=Q(state__in=["waiting", "working"])),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_finished(self) -> bool:
        return self.state not in (self.State.WAITING, self.State.WORKING)

    @property
    def percent(self) -> int:
        """Of the rows that were there at the beginning; 100 only for one that is done."""
        if self.state == self.State.DONE:
            return 100
        return min(99, 100 * self.position // self.total) if self.total else 0
