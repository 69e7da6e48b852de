"""One request for up to 10,000 messages: kept whole, then expanded into messages in chunks that survive any crash."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from communications.models.schema import MessageSchema
from config.db import UuidModel, enum_check

MOST_RECIPIENTS = 10_000


class BulkState(models.TextChoices):
    EXPANDING = "expanding", "Expanding"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


class BulkSendQuerySet(models.QuerySet["BulkSend"]):
    def unfinished(self) -> "BulkSendQuerySet":
        return self.filter(state=BulkState.EXPANDING).order_by("created_ts", "id")


class BulkSend(UuidModel):
    """`position` recipients were dealt with: each is a message, or stands in `refused` with its index, code and reason.

    A chunk's messages and the new position are one transaction, so nobody is met twice and nobody is passed over.
    """

    PERSONAL_FIELDS: ClassVar = ("recipients", "options", "refused")

    State = BulkState
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        State.EXPANDING: (State.DONE, State.CANCELLED),
        State.DONE: (),
        State.CANCELLED: (),
    }

    message_schema = models.ForeignKey(
        MessageSchema, verbose_name="template", on_delete=models.PROTECT, related_name="bulk_sends"
    )
    recipients = models.JSONField(help_text="As they were asked for, in order.")
    options = models.JSONField(default=dict, blank=True, help_text="What holds for all: purpose, times, metadata.")
    total = models.IntegerField()
    position = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    refused = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.EXPANDING)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    objects = BulkSendQuerySet.as_manager()

    class Meta:
        db_table = "bulk_sends"
        verbose_name = "bulk request"
        constraints = (
            enum_check("state", BulkState, name="bulk_sends_state"),
            models.CheckConstraint(condition=Q(total__range=(1, MOST_RECIPIENTS)), name="bulk_sends_total"),
            models.CheckConstraint(
                condition=Q(position__gte=0, accepted__gte=0)
                & Q(position__lte=F("total"), accepted__lte=F("position")),
                name="bulk_sends_progress",
            ),
            models.CheckConstraint(condition=~Q(state="done") | Q(position=F("total")), name="bulk_sends_done_is_all"),
        )
        indexes = (models.Index(fields=["created_ts"], name="idx_bulk_sends_open", condition=Q(state="expanding")),)

    def __str__(self) -> str:
        return f"{self.total} by {self.message_schema.code}, {self.get_state_display().lower()}"
