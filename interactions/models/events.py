"""What happened in a conversation beside its messages (source 003), and which deliveries were processed (source 004)."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from config.db import UuidModel
from interactions.choices import EventType
from interactions.models.conversation import Conversation
from interactions.models.message import Message


class CommunicationEvent(UuidModel):
    """`event_type` offers the words we use and refuses no other: imports bring some."""

    PERSONAL_FIELDS: ClassVar = ("details",)

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="events")
    event_type = models.CharField(max_length=100, choices=EventType)
    timestamp = models.DateTimeField(default=timezone.now)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "communication_events"
        indexes = (
            models.Index(fields=["conversation", "timestamp"], name="idx_events_conv_timestamp"),
            models.Index(fields=["event_type"], name="idx_events_type"),
        )

    def __str__(self) -> str:
        return self.event_type


class ProcessedMessage(models.Model):
    """A journal item that was processed: a second worker's insert is refused. Kept 7 days."""

    PERSONAL_FIELDS: ClassVar = ()

    message_id = models.UUIDField(primary_key=True)
    processed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "processed_messages"
        indexes = (models.Index(fields=["processed_at"], name="idx_processed_at"),)

    def __str__(self) -> str:
        return str(self.message_id)
