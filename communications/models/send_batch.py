"""The queue: up to 1,000 messages of one template version that are due together.

Whatever must be found by its state or its due time is found here, so millions of messages are never scanned and a claim
costs one row. A claim is a lease with an attempt number; every outcome is fenced by that number.
"""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from communications.models.schema import MessageSchemaVersion
from config.db import UuidModel, enum_check
from customers.choices import Channel, Purpose

MOST_ROWS = 1_000


class BatchState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    WORKING = "working", "Working"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    PARKED = "parked", "Parked"


class SendBatchQuerySet(models.QuerySet["SendBatch"]):
    def due(self, at: datetime) -> "SendBatchQuerySet":
        return self.filter(state=BatchState.WAITING, due_at__lte=at).order_by("due_at", "id")

    def abandoned(self, at: datetime) -> "SendBatchQuerySet":
        """Claimed, and the lease ran out: their sender is dead or stands still."""
        return self.filter(state=BatchState.WORKING, lease_until__lt=at)


class SendBatch(UuidModel):
    """`in_flight` names the messages whose calls may be under way; nothing else of a dead sender's batch is in doubt."""

    PERSONAL_FIELDS: ClassVar = ()

    State = BatchState
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        State.WAITING: (State.WORKING, State.CANCELLED),
        State.WORKING: (State.WAITING, State.DONE, State.CANCELLED, State.PARKED),
        State.PARKED: (State.WAITING, State.CANCELLED),
        State.DONE: (),
        State.CANCELLED: (),
    }

    channel = models.CharField(max_length=20, choices=Channel)
    provider = models.CharField(max_length=50)
    purpose = models.CharField(max_length=20, choices=Purpose)
    schema_version = models.ForeignKey(
        MessageSchemaVersion,
        verbose_name="template version",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    row_count = models.IntegerField(default=1)
    attempt = models.IntegerField(default=0)
    deaths = models.IntegerField(default=0, help_text="How often its sender died while it worked.")
    lease_until = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=100, blank=True, default="")
    in_flight = ArrayField(models.UUIDField(), default=list, blank=True)
    last_error = models.TextField(blank=True, default="")
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    objects = SendBatchQuerySet.as_manager()

    class Meta:
        db_table = "send_batches"
        verbose_name = "batch"
        verbose_name_plural = "batches"
        constraints = (
            enum_check("state", BatchState, name="send_batches_state"),
            enum_check("channel", Channel, name="send_batches_channel"),
            enum_check("purpose", Purpose, name="send_batches_purpose"),
            models.CheckConstraint(condition=Q(row_count__range=(1, MOST_ROWS)), name="send_batches_row_count"),
            models.CheckConstraint(condition=Q(attempt__gte=0, deaths__gte=0), name="send_batches_counts"),
            models.CheckConstraint(
                condition=(Q(state="working") & Q(lease_until__isnull=False))
                | (~Q(state="working") & Q(lease_until__isnull=True)),
                name="send_batches_lease_paired",
            ),
            models.CheckConstraint(
                condition=Q(state="working") | Q(in_flight=[]), name="send_batches_in_flight_only_working"
            ),
        )
        indexes = (
            models.Index(fields=["purpose", "channel", "due_at"], name="idx_batches_due", condition=Q(state="waiting")),
            models.Index(fields=["lease_until"], name="idx_batches_lease", condition=Q(state="working")),
        )

    def __str__(self) -> str:
        return f"{self.row_count} by {self.provider}, {self.get_state_display().lower()}"
