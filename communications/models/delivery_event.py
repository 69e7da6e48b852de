"""What became known of a message, append-only. A message's state is a fold over its events (`communications.actions.events`)."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from communications.choices import EventKind
from communications.models.message_data import MessageData
from config.db import UuidModel, enum_check


class DeliveryEvent(UuidModel):
    """`event_id` is the provider's, or a hash where it sends none: a repeat is refused by the database."""

    PERSONAL_FIELDS: ClassVar = ("ip_address", "user_agent", "payload", "reason", "url")

    message_data = models.ForeignKey(
        MessageData, verbose_name="message", on_delete=models.CASCADE, related_name="delivery_events", db_index=False
    )
    provider = models.CharField(max_length=50)
    event_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=20, choices=EventKind)
    occurred_at = models.DateTimeField(null=True, blank=True, help_text="The provider's clock, where it says.")
    received_at = models.DateTimeField(default=timezone.now)
    provider_message_id = models.CharField(max_length=255, blank=True, default="")
    error_code = models.CharField(max_length=50, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    url = models.TextField("address clicked", blank=True, default="")
    user_agent = models.TextField(blank=True, default="")
    ip_address = models.GenericIPAddressField("IP address", null=True, blank=True)
    webhook_delivery_id = models.UUIDField(
        "inbound journal", null=True, blank=True, help_text="The journal's row, as long as it is kept."
    )
    payload = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "delivery_events"
        constraints = (
            models.UniqueConstraint(fields=["provider", "event_id"], name="delivery_events_once"),
            enum_check("kind", EventKind, name="delivery_events_kind"),
        )
        indexes = (models.Index(fields=["message_data", "received_at"], name="idx_delivery_events_message"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.provider})"
