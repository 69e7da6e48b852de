"""A message to one customer or employee (source 000, f_message_data): one row before any call, one outcome, one reason."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from communications.choices import DecisionKind, DeliveryMethod, MessageStatus, Reason
from communications.models.bulk_send import BulkSend
from communications.models.schema import MessageSchema, MessageSchemaVersion
from communications.models.send_batch import SendBatch
from config.db import UuidModel, enum_check
from customers.choices import Purpose
from customers.models import Appointment, Customer, Employee
from interactions.models import Conversation, Interaction, Message


class MessageOutcome(models.Model):
    """What was decided and what became of it. A row in a working batch's `in_flight` shows as sending."""

    status = models.CharField(max_length=50, choices=MessageStatus, default=MessageStatus.PENDING)
    decision = models.CharField(max_length=10, choices=DecisionKind, blank=True, default="")
    decision_reason = models.CharField(max_length=50, choices=Reason, blank=True, default="")
    decision_detail = models.TextField(blank=True, default="")
    decided_ts = models.DateTimeField("decided", null=True, blank=True)
    scheduled_ts = models.DateTimeField("scheduled", null=True, blank=True)
    expires_ts = models.DateTimeField("expires", null=True, blank=True)
    sent_ts = models.DateTimeField("sent", null=True, blank=True)
    delivered_ts = models.DateTimeField("delivered", null=True, blank=True)
    opened_ts = models.DateTimeField("opened", null=True, blank=True)
    clicked_ts = models.DateTimeField("clicked", null=True, blank=True)
    failed_ts = models.DateTimeField("failed", null=True, blank=True)
    open_count = models.IntegerField(default=0)
    click_count = models.IntegerField(default=0)
    failed_reason = models.TextField("why it failed", blank=True, default="")
    error_code = models.CharField(max_length=50, blank=True, default="")
    retry_count = models.IntegerField(default=0)
    max_retries = models.IntegerField(default=6)
    provider_message_id = models.CharField(max_length=255, blank=True, default="")
    possible_duplicate = models.BooleanField("may have arrived twice", default=False)
    anomaly = models.CharField(max_length=100, blank=True, default="")
    segment_count = models.IntegerField(null=True, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=5, null=True, blank=True)
    cost_currency = models.CharField(max_length=3, blank=True, default="")

    class Meta:
        abstract = True


class MessageDataQuerySet(models.QuerySet["MessageData"]):
    def unsettled(self) -> "MessageDataQuerySet":
        """Those that no call has been made for yet."""
        return self.filter(status__in=(MessageStatus.PENDING, MessageStatus.SCHEDULED))


class MessageData(UuidModel, MessageOutcome):
    PERSONAL_FIELDS: ClassVar = (
        "recipient",
        "recipient_name",
        "content_data",
        "decision_detail",
        "failed_reason",
        "metadata",
    )

    Status = MessageStatus

    message_number = models.CharField(max_length=50, unique=True, editable=False)
    message_schema = models.ForeignKey(
        MessageSchema,
        verbose_name="template",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="messages",
        db_index=False,
    )
    schema_version = models.ForeignKey(
        MessageSchemaVersion,
        verbose_name="template version",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="messages",
        db_index=False,
    )
    batch = models.ForeignKey(SendBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    bulk = models.ForeignKey(
        BulkSend, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages", db_index=False
    )
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    employee = models.ForeignKey(
        Employee, null=True, blank=True, on_delete=models.CASCADE, related_name="notices", db_index=False
    )
    appointment = models.ForeignKey(
        Appointment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    interaction = models.OneToOneField(Interaction, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    message = models.OneToOneField(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    resend_of = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="resent_as")
    recipient = models.TextField(help_text="E-mail address, E.164 number or device token.")
    recipient_name = models.TextField(blank=True, default="")
    message_delivery_method = models.CharField("sent by", max_length=20, choices=DeliveryMethod)
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.TRANSACTIONAL)
    provider = models.CharField(max_length=50)
    sender = models.CharField(max_length=320, blank=True, default="", help_text="The address or number it leaves from.")
    language = models.CharField(max_length=10, blank=True, default="")
    content_data = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    objects = MessageDataQuerySet.as_manager()

    class Meta:
        db_table = "f_message_data"
        verbose_name = "message"
        constraints = (
            enum_check("message_delivery_method", DeliveryMethod, name="message_data_method"),
            enum_check("status", MessageStatus, name="message_data_status"),
            enum_check("purpose", Purpose, name="message_data_purpose"),
            models.CheckConstraint(condition=Q(decision__in=["", *DecisionKind.values]), name="message_data_decision"),
            models.CheckConstraint(condition=Q(decision_reason__in=["", *Reason.values]), name="message_data_reason"),
            models.CheckConstraint(condition=~Q(recipient=""), name="message_data_recipient"),
            models.CheckConstraint(
                condition=Q(customer__isnull=True) | Q(employee__isnull=True), name="message_data_one_recipient"
            ),
            models.CheckConstraint(
                condition=Q(retry_count__gte=0) & Q(retry_count__lte=F("max_retries")), name="message_data_retries"
            ),
            models.CheckConstraint(
                condition=~Q(status="suppressed") | ~Q(decision_reason=""), name="message_data_skip_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["sent", "delivered"]) | Q(sent_ts__isnull=False),
                name="message_data_sent_paired",
            ),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0), name="message_data_cost"),
        )
        indexes = (
            models.Index(fields=["message_schema"], name="idx_msg_data_schema"),
            models.Index(fields=["recipient"], name="idx_msg_data_recipient"),
            models.Index(fields=["status"], name="idx_msg_data_status"),
            models.Index(fields=["sent_ts"], name="idx_msg_data_sent"),
            models.Index(fields=["failed_ts"], name="idx_msg_data_failed", condition=Q(failed_ts__isnull=False)),
            models.Index(fields=["customer", "id"], name="idx_msg_data_customer"),
            models.Index(fields=["bulk", "id"], name="idx_msg_data_bulk", condition=Q(bulk__isnull=False)),
            models.Index(
                fields=["appointment"], name="idx_msg_data_appointment", condition=Q(appointment__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.message_number
