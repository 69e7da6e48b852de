"""One utterance within an interaction: a call has one (its transcript), a chat many (sources 002, 003, 004)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check
from customers.choices import Channel
from customers.models import Employee
from interactions.choices import ContentType, DeliveryStatus, Direction, Role
from interactions.models.conversation import Conversation
from interactions.models.interaction import Interaction


class Message(UuidModel):
    """`conversation` is kept beside `interaction` for the thread's index. Internal notes are never messages."""

    PERSONAL_FIELDS: ClassVar = ("content", "processed_content", "processing_error", "metadata")

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="messages")
    channel = models.CharField(max_length=20, choices=Channel)
    direction = models.CharField(max_length=10, choices=Direction)
    role = models.CharField(max_length=10, choices=Role)
    employee = models.ForeignKey(Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    content = models.TextField()
    content_type = models.CharField(max_length=50, choices=ContentType, default=ContentType.TEXT)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    processed_content = models.JSONField(null=True, blank=True)
    channel_message_id = models.TextField(
        null=True, blank=True, help_text="The provider's id: Message-ID, Twilio's SID."
    )
    delivery_status = models.CharField(max_length=20, choices=DeliveryStatus, null=True, blank=True)
    joined_because = models.CharField(
        max_length=50, blank=True, default="", help_text="Why it stands in this conversation."
    )
    processed = models.BooleanField(default=False)
    processing_error = models.TextField(blank=True, default="")
    tokens_used = models.IntegerField(null=True, blank=True)
    latency_ms = models.IntegerField(null=True, blank=True)
    tool_calls = models.JSONField(default=list, blank=True)
    sent_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "communication_messages"
        constraints = (
            enum_check("channel", Channel, name="messages_channel"),
            enum_check("direction", Direction, name="messages_direction"),
            enum_check("role", Role, name="messages_role"),
            enum_check("delivery_status", DeliveryStatus, name="messages_delivery_status", null=True),
            models.CheckConstraint(
                condition=Q(direction="inbound", role="customer")
                | Q(direction="outbound", role__in=["agent", "system"]),
                name="messages_role_of_direction",
            ),
            models.UniqueConstraint(
                fields=["channel", "channel_message_id"],
                condition=Q(channel_message_id__isnull=False),
                name="messages_channel_id_unique",
            ),
        )
        indexes = (
            models.Index(fields=["conversation", "created_at"], name="idx_messages_conv_created"),
            models.Index(fields=["conversation", "sent_at"], name="idx_messages_conv_sent"),
        )

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.get_channel_display()}: {self.content[:60]}"
