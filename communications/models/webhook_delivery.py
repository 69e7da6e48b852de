"""The inbound journal: every verified webhook, raw, before anybody thinks about it."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check


class WebhookState(models.TextChoices):
    RECEIVED = "received", "Received"
    DONE = "done", "Done"
    QUARANTINED = "quarantined", "Quarantined"


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self, at: datetime) -> "WebhookDeliveryQuerySet":
        return self.filter(state=WebhookState.RECEIVED, due_at__lte=at).order_by("due_at", "id")


class WebhookDelivery(UuidModel):
    """A delivery that cannot be processed is quarantined with its reason and can be replayed."""

    PERSONAL_FIELDS: ClassVar = ("headers", "body", "query_string", "remote_address")

    State = WebhookState
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        State.RECEIVED: (State.DONE, State.QUARANTINED),
        State.QUARANTINED: (State.RECEIVED,),
        State.DONE: (State.RECEIVED,),
    }

    provider = models.CharField(max_length=50)
    endpoint = models.CharField(max_length=50, help_text="Such as sms, status, events.")
    url = models.TextField("address", help_text="The public address it was sent to.")
    query_string = models.TextField(blank=True, default="")
    headers = models.JSONField(default=dict)
    content_type = models.CharField(max_length=255, blank=True, default="")
    body = models.BinaryField()
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.RECEIVED)
    reason = models.TextField(blank=True, default="")
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        constraints = (
            enum_check("state", WebhookState, name="webhook_deliveries_state"),
            models.CheckConstraint(
                condition=~Q(state="quarantined") | ~Q(reason=""), name="webhook_deliveries_quarantine_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(processed_at__isnull=False), name="webhook_deliveries_done_paired"
            ),
        )
        indexes = (
            models.Index(fields=["due_at"], name="idx_webhooks_due", condition=Q(state="received")),
            models.Index(fields=["state", "-received_at"], name="idx_webhooks_state_received"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.endpoint}, {self.get_state_display().lower()}"
