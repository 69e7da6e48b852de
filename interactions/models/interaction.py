"""One touch within a conversation: one call, one chat, one e-mail, one SMS, one visit (source 000).

A campaign's or a reminder's interaction has no conversation until the customer answers.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from config.db import UuidModel, enum_check, range_check
from customers.models import Customer, Employee
from interactions.choices import (
    Intention,
    InteractionSubtype,
    InteractionType,
    Lifecycle,
    Line,
    PriorityLevel,
    Sentiment,
)
from interactions.models.conversation import Conversation


class InteractionParticipants(models.Model):
    """Who took part and when."""

    interaction_person_entities = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"person_entity_type": "customer", "person_entity_id": "…", "role": "caller"}]',
    )
    interaction_ts = models.DateTimeField("took place", default=timezone.now)
    duration_seconds = models.IntegerField(null=True, blank=True)
    wait_time_seconds = models.IntegerField(null=True, blank=True)
    talk_time_seconds = models.IntegerField(null=True, blank=True)
    hold_time_seconds = models.IntegerField(null=True, blank=True)
    after_call_work_seconds = models.IntegerField(null=True, blank=True)

    class Meta:
        abstract = True


class InteractionContent(models.Model):
    """What was said: small text inline, the rest in object storage."""

    content_format = models.CharField(max_length=50, blank=True, default="")
    content_mime_type = models.CharField(max_length=100, blank=True, default="")
    content_size_bytes = models.BigIntegerField(null=True, blank=True)
    content_object_bucket = models.TextField(blank=True, default="")
    content_object_key = models.TextField(blank=True, default="")
    content_url = models.TextField(blank=True, default="")
    content_text = models.TextField(blank=True, default="", help_text="Text under 10 KB.")
    content_summary = models.TextField(blank=True, default="")
    transcript_text = models.TextField(blank=True, default="")
    transcript_confidence_score = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    transcript_language = models.CharField(max_length=10, blank=True, default="")
    recording_available = models.BooleanField(default=False)
    transcript_available = models.BooleanField(default=False)
    attachment_count = models.IntegerField(default=0)
    parent_interaction = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="chunks"
    )
    chunk_number = models.IntegerField(default=1)
    total_chunks = models.IntegerField(default=1)
    is_primary_chunk = models.BooleanField(default=True)

    class Meta:
        abstract = True


class InteractionAssessment(models.Model):
    """What was understood, and how it went."""

    sentiment_label = models.CharField(max_length=50, choices=Sentiment, blank=True, default="")
    sentiment_score = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    sentiment_keywords = ArrayField(models.TextField(), default=list, blank=True)
    emotion_tags = ArrayField(models.TextField(), default=list, blank=True)
    interaction_intention_entity = models.CharField(max_length=50, choices=Intention, blank=True, default="")
    interaction_reason = models.CharField(max_length=50, blank=True, default="")
    interaction_category = models.CharField(max_length=50, blank=True, default="")
    interaction_subcategory = models.CharField(max_length=50, blank=True, default="")
    priority_level = models.CharField(max_length=10, choices=PriorityLevel, default=PriorityLevel.NORMAL)
    resolution_status = models.CharField(max_length=20, blank=True, default="")
    resolution_type = models.CharField(max_length=50, blank=True, default="")
    first_contact_resolution = models.BooleanField(null=True, blank=True)
    escalation_required = models.BooleanField(default=False)
    escalation_level = models.IntegerField(null=True, blank=True, help_text="1 to 3.")
    follow_up_required = models.BooleanField(default=False)
    follow_up_due_date = models.DateField(null=True, blank=True)
    customer_satisfaction_score = models.IntegerField(null=True, blank=True, help_text="1 to 10.")
    net_promoter_score = models.IntegerField(null=True, blank=True, help_text="-100 to 100.")
    quality_score = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True, help_text="0 to 100.")
    quality_reviewed_by = models.ForeignKey(
        Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="reviewed_interactions"
    )
    quality_reviewed_at = models.DateTimeField(null=True, blank=True)
    compliance_flags = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        abstract = True


class InteractionOrigin(models.Model):
    """Where it came from, and what the law asks of it."""

    device_type = models.CharField(max_length=20, blank=True, default="")
    browser_user_agent = models.TextField(blank=True, default="")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    geolocation = models.JSONField(null=True, blank=True)
    source_system = models.CharField(max_length=50, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")
    integration_metadata = models.JSONField(default=dict, blank=True)
    consent_recorded = models.BooleanField(default=False)
    consent_type = models.CharField(max_length=20, blank=True, default="")
    gdpr_compliant = models.BooleanField(default=True)
    pii_redacted = models.BooleanField(default=False)
    data_retention_date = models.DateField(null=True, blank=True)
    tags = ArrayField(models.TextField(), default=list, blank=True)
    custom_fields = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True


class Interaction(UuidModel, InteractionParticipants, InteractionContent, InteractionAssessment, InteractionOrigin):
    """Direction stands in `interaction_subtype`; `channel` is the line it used (`twilio`, `phone`, `live_chat`)."""

    PERSONAL_FIELDS: ClassVar = (
        "content_text",
        "content_summary",
        "transcript_text",
        "sentiment_keywords",
        "browser_user_agent",
        "ip_address",
        "geolocation",
        "integration_metadata",
        "custom_fields",
        "metadata",
    )

    interaction_number = models.CharField(max_length=50, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="interactions")
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="interactions"
    )
    employee = models.ForeignKey(
        Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="interactions"
    )
    supervisor = models.ForeignKey(Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    interaction_type = models.CharField(max_length=50, choices=InteractionType)
    interaction_subtype = models.CharField(max_length=50, choices=InteractionSubtype, blank=True, default="")
    channel = models.CharField(max_length=50, choices=Line)
    lifecycle = models.CharField(max_length=20, choices=Lifecycle, default=Lifecycle.INITIATED)
    ai_analyzed = models.BooleanField(default=False)
    active_flag = models.BooleanField("active", default=True)
    archived_ts = models.DateTimeField("archived", null=True, blank=True)
    deleted_ts = models.DateTimeField("deleted", null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    class Meta:
        db_table = "f_customer_interaction"
        constraints = (
            enum_check("interaction_type", InteractionType, name="interaction_type_known"),
            models.CheckConstraint(
                condition=Q(interaction_subtype__in=["", *InteractionSubtype.values]), name="interaction_subtype_known"
            ),
            enum_check("lifecycle", Lifecycle, name="interaction_lifecycle"),
            enum_check("priority_level", PriorityLevel, name="interaction_priority"),
            models.CheckConstraint(
                condition=Q(sentiment_label__in=["", *Sentiment.values]), name="interaction_sentiment_label"
            ),
            range_check("sentiment_score", -1, 1, name="interaction_sentiment_score"),
            range_check("transcript_confidence_score", 0, 100, name="interaction_confidence"),
            range_check("quality_score", 0, 100, name="interaction_quality"),
            range_check("net_promoter_score", -100, 100, name="interaction_nps"),
            range_check("customer_satisfaction_score", 1, 10, name="interaction_satisfaction"),
            range_check("escalation_level", 1, 3, name="interaction_escalation_level"),
            models.CheckConstraint(
                condition=Q(chunk_number__gte=1, total_chunks__gte=F("chunk_number")), name="interaction_chunk_range"
            ),
            models.CheckConstraint(
                condition=Q(parent_interaction__isnull=True, is_primary_chunk=True, chunk_number=1)
                | Q(parent_interaction__isnull=False, is_primary_chunk=False, chunk_number__gt=1),
                name="interaction_chunk_chain",
            ),
            models.UniqueConstraint(
                fields=["parent_interaction", "chunk_number"],
                condition=Q(parent_interaction__isnull=False),
                name="interaction_chunk_once",
            ),
            models.UniqueConstraint(
                fields=["external_id", "source_system"],
                condition=~Q(external_id="") & Q(parent_interaction__isnull=True, deleted_ts__isnull=True),
                name="interaction_external_once",
            ),
            models.CheckConstraint(
                condition=Q(duration_seconds__isnull=True) | Q(duration_seconds__gte=0), name="interaction_duration"
            ),
        )
        indexes = (
            models.Index(fields=["interaction_type"], name="idx_interaction_type"),
            models.Index(fields=["channel"], name="idx_interaction_channel"),
            models.Index(fields=["interaction_ts"], name="idx_interaction_ts"),
            models.Index(fields=["sentiment_label"], name="idx_interaction_sentiment"),
            GinIndex(fields=["interaction_person_entities"], name="idx_interaction_person_entity"),
            models.Index(F("customer"), F("interaction_ts").desc(), F("id").desc(), name="idx_interaction_customer_ts"),
        )

    def __str__(self) -> str:
        return self.interaction_number
