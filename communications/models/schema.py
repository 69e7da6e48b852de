"""Templates and their immutable versions (source 000, d_message_schema)."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from communications.choices import DeliveryMethod
from config.db import UuidModel, enum_check
from config.history.tracking import tracked
from customers.choices import Purpose


class SchemaStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    ARCHIVED = "archived", "Archived"


class PushPriority(models.TextChoices):
    HIGH = "high", "High"
    NORMAL = "normal", "Normal"
    LOW = "low", "Low"


class SchemaContent(models.Model):
    """What a person writes into a template; a version keeps a copy."""

    subject = models.TextField(blank=True, default="", help_text="E-mail subject line.")
    template_schema = models.JSONField("content", default=dict, blank=True)
    preview_text = models.TextField(blank=True, default="")
    from_name = models.CharField(max_length=200, blank=True, default="")
    from_email = models.CharField(max_length=320, blank=True, default="")
    reply_to_email = models.CharField(max_length=320, blank=True, default="")
    attachments = models.JSONField(
        default=list, blank=True, help_text="Storage keys of files that go with each e-mail."
    )
    sms_sender_id = models.CharField(max_length=20, blank=True, default="", help_text="Empty: the default sender.")
    push_priority = models.CharField(max_length=10, choices=PushPriority, blank=True, default="")
    push_ttl = models.IntegerField(null=True, blank=True, help_text="Seconds.")
    whatsapp_template_id = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        abstract = True


class MessageSchemaQuerySet(models.QuerySet["MessageSchema"]):
    def usable(self) -> "MessageSchemaQuerySet":
        """Those that may be sent: published, not deleted, within their dates."""
        return self.filter(
            Q(to_ts__isnull=True) | Q(to_ts__gt=Now()),
            active_flag=True,
            status=SchemaStatus.PUBLISHED,
            from_ts__lte=Now(),
        )


@tracked("d_message_schema_history", without=("updated_ts",))
class MessageSchema(UuidModel, SchemaContent):
    """A template. The row holds the default language's latest content; what is sent is always a version."""

    PERSONAL_FIELDS: ClassVar = ()

    Status = SchemaStatus

    code = models.CharField(max_length=50, unique=True, help_text="Such as MSG-SCHEMA-APPT-001; made when empty.")
    name = models.TextField()
    descr = models.TextField("description", blank=True, default="")
    category = models.CharField(max_length=20, blank=True, default="", help_text="Such as APPT; part of the code.")
    message_delivery_method = models.CharField(
        "sent by", max_length=20, choices=DeliveryMethod, default=DeliveryMethod.SMS
    )
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.TRANSACTIONAL)
    status = models.CharField(max_length=20, choices=Status, default=Status.PUBLISHED)
    default_language = models.CharField(max_length=10, default="en")
    rather_twice_than_never = models.BooleanField(
        default=False, help_text="An e-mail in doubt is sent once more by itself."
    )
    validity_seconds = models.IntegerField(null=True, blank=True, help_text="After this a message is no longer sent.")
    active_flag = models.BooleanField("active", default=True)
    version = models.IntegerField(default=1)
    from_ts = models.DateTimeField("valid from", default=timezone.now)
    to_ts = models.DateTimeField("valid until", null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    objects = MessageSchemaQuerySet.as_manager()

    class Meta:
        db_table = "d_message_schema"
        verbose_name = "template"
        constraints = (
            enum_check("message_delivery_method", DeliveryMethod, name="message_schema_method"),
            enum_check("purpose", Purpose, name="message_schema_purpose"),
            enum_check("status", SchemaStatus, name="message_schema_status"),
            models.CheckConstraint(
                condition=Q(push_priority__in=["", *PushPriority.values]), name="message_schema_push"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="message_schema_version"),
            models.CheckConstraint(
                condition=Q(validity_seconds__isnull=True) | Q(validity_seconds__gt=0), name="message_schema_validity"
            ),
        )
        indexes = (
            models.Index(fields=["message_delivery_method"], name="idx_msg_schema_method"),
            models.Index(fields=["active_flag"], name="idx_msg_schema_active"),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class MessageSchemaVersion(UuidModel, SchemaContent):
    """One saved state of one language variant. It never changes: a message keeps the version it was rendered from."""

    PERSONAL_FIELDS: ClassVar = ()

    message_schema = models.ForeignKey(
        MessageSchema, verbose_name="template", on_delete=models.PROTECT, related_name="versions"
    )
    version = models.IntegerField()
    language = models.CharField(max_length=10)
    compiled = models.JSONField(default=dict, blank=True, help_text="What the renderer made of it, once.")
    variables = ArrayField(models.TextField(), default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)

    class Meta:
        db_table = "d_message_schema_version"
        verbose_name = "template version"
        constraints = (
            models.UniqueConstraint(fields=["message_schema", "version"], name="message_schema_version_unique"),
            models.CheckConstraint(condition=Q(version__gte=1), name="schema_version_positive"),
            models.CheckConstraint(
                condition=Q(push_priority__in=["", *PushPriority.values]), name="schema_version_push"
            ),
        )
        indexes = (models.Index(fields=["message_schema", "language", "-version"], name="idx_schema_version_language"),)
        triggers = (pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return f"{self.message_schema.code} v{self.version} ({self.language})"
