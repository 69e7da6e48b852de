"""A dialogue with one customer, over one or more channels (sources 002, 003, 004)."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from config.db import UuidModel, enum_check, range_check
from customers.choices import Channel
from customers.models import Customer, Employee
from interactions.choices import Direction, Outcome, Sentiment

IDLE_AFTER = timedelta(hours=24)


class ConversationStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    CLOSED = "closed", "Closed"


class ClosedReason(models.TextChoices):
    IDLE = "idle", "Idle"
    RESOLVED = "resolved", "Resolved"
    COMPLETED = "completed", "Completed"
    MERGED = "merged", "Merged"
    FAILED = "failed", "Failed"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def active_of(self, customer: Customer) -> "ConversationQuerySet":
        return self.filter(customer=customer, status=ConversationStatus.ACTIVE).order_by("-last_activity_at", "-id")

    def locked(self, conversation_id: Any) -> "Conversation":
        """With its row lock; the customer's is taken first, everywhere."""
        return self.select_for_update(no_key=True).get(pk=conversation_id)


class Conversation(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("subject", "ai_summary", "metadata")

    Status = ConversationStatus
    ClosedReason = ClosedReason
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.ACTIVE: (Status.CLOSED,),
        Status.CLOSED: (Status.ACTIVE,),  # only one closed for idleness, by an explicit reply (DESIGN section 12)
    }

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="conversations")
    initial_channel = models.CharField(max_length=20, choices=Channel)
    channel = models.CharField(max_length=20, choices=Channel, help_text="The latest.")
    status = models.CharField(max_length=20, choices=Status, default=Status.ACTIVE)
    closed_reason = models.CharField(max_length=20, choices=ClosedReason, blank=True, default="")
    subject = models.CharField(max_length=500, blank=True, default="")
    assignee = models.ForeignKey(
        Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned_conversations"
    )
    continues = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="continued_by")
    external_thread_key = models.CharField(max_length=255, null=True, blank=True)
    sentiment = models.CharField(max_length=20, choices=Sentiment, blank=True, default="")
    overall_sentiment = models.FloatField(null=True, blank=True, help_text="-1.0 to +1.0.")
    satisfaction_score = models.IntegerField(null=True, blank=True, help_text="1 to 10.")
    outcome = models.CharField(max_length=50, choices=Outcome, blank=True, default="")
    resolution_type = models.CharField(max_length=50, blank=True, default="")
    escalated_to = models.CharField(max_length=100, blank=True, default="")
    ai_summary = models.TextField(blank=True, default="")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_activity_at = models.DateTimeField(default=timezone.now)
    last_message_direction = models.CharField(max_length=10, choices=Direction, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "conversations"
        constraints = (
            enum_check("status", ConversationStatus, name="conversations_status"),
            enum_check("initial_channel", Channel, name="conversations_initial_channel"),
            enum_check("channel", Channel, name="conversations_channel"),
            models.CheckConstraint(
                condition=Q(closed_reason__in=["", *ClosedReason.values]), name="conversations_closed_reason"
            ),
            models.CheckConstraint(
                condition=Q(status="active", closed_reason="", ended_at__isnull=True)
                | (Q(status="closed", ended_at__isnull=False) & ~Q(closed_reason=""))
                | (Q(status="closed", closed_reason="failed")),
                name="conversations_closed_paired",
            ),
            models.CheckConstraint(condition=Q(sentiment__in=["", *Sentiment.values]), name="conversations_sentiment"),
            models.CheckConstraint(
                condition=Q(last_message_direction__in=["", *Direction.values]), name="conversations_last_direction"
            ),
            range_check("overall_sentiment", -1.0, 1.0, name="conversations_overall_sentiment"),
            range_check("satisfaction_score", 1, 10, name="conversations_satisfaction"),
            models.UniqueConstraint(
                fields=["initial_channel", "external_thread_key"],
                condition=Q(external_thread_key__isnull=False),
                name="conversations_thread_unique",
            ),
        )
        indexes = (
            models.Index(F("customer"), F("last_activity_at").desc(), name="idx_conv_customer_activity"),
            models.Index(fields=["customer", "status"], name="idx_conv_customer_status"),
            models.Index(F("started_at").desc(), name="idx_conv_started"),
            models.Index(F("channel"), F("last_activity_at").desc(), name="idx_conv_channel_activity"),
            models.Index(F("status"), F("started_at").desc(), name="idx_conv_status_started"),
            models.Index(F("status"), F("last_activity_at"), name="idx_conv_status_activity"),
            models.Index(F("last_activity_at").desc(), F("id").desc(), name="idx_conv_activity"),
        )

    def __str__(self) -> str:
        return self.subject or f"{self.get_initial_channel_display()} conversation"
