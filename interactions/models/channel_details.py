"""What only one channel has, one row a message (source 003)."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from config.db import UuidModel, enum_check
from interactions.choices import DeliveryStatus
from interactions.models.message import Message


class SmsDetails(UuidModel):
    """Of an SMS or a WhatsApp message."""

    PERSONAL_FIELDS: ClassVar = ("from_number", "to_number", "media_urls")

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="sms_details")
    from_number = models.CharField(max_length=64)
    to_number = models.CharField(max_length=64)
    provider_message_id = models.CharField(max_length=100, blank=True, default="", help_text="Twilio's SID.")
    delivery_status = models.CharField(max_length=20, choices=DeliveryStatus, null=True, blank=True)
    error_code = models.CharField(max_length=20, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    segments = models.IntegerField(default=1)
    encoding = models.CharField(max_length=10, blank=True, default="")
    media_urls = ArrayField(models.TextField(), default=list, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "sms_details"
        verbose_name_plural = "SMS details"
        constraints = (
            enum_check("delivery_status", DeliveryStatus, name="sms_details_delivery_status", null=True),
            models.CheckConstraint(condition=Q(segments__gte=1), name="sms_details_segments"),
        )
        indexes = (models.Index(fields=["provider_message_id"], name="idx_sms_provider_id"),)

    def __str__(self) -> str:
        return f"{self.from_number} to {self.to_number}"


class EmailDetails(UuidModel):
    PERSONAL_FIELDS: ClassVar = (
        "subject",
        "body_html",
        "body_text",
        "from_address",
        "from_name",
        "to_addresses",
        "cc",
        "bcc",
        "reply_to",
        "headers",
    )

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="email_details")
    subject = models.CharField(max_length=500)
    body_html = models.TextField(blank=True, default="", help_text="Sanitised.")
    body_text = models.TextField()
    from_address = models.CharField(max_length=320)
    from_name = models.CharField(max_length=255, blank=True, default="")
    to_addresses = ArrayField(models.TextField(), default=list)
    cc = ArrayField(models.TextField(), default=list, blank=True)
    bcc = ArrayField(models.TextField(), default=list, blank=True)
    reply_to = models.CharField(max_length=320, blank=True, default="")
    message_id_header = models.CharField(max_length=998, blank=True, default="")
    in_reply_to = models.CharField(max_length=998, blank=True, default="")
    references = ArrayField(models.TextField(), default=list, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    authentication = models.JSONField(
        default=dict, blank=True, help_text="SPF, DKIM and DMARC as the receiver saw them."
    )
    attachments = models.JSONField(default=list, blank=True, help_text='[{"filename": "…", "size": 1, "url": "…"}]')
    provider_message_id = models.CharField(max_length=255, blank=True, default="")
    delivery_status = models.CharField(max_length=20, choices=DeliveryStatus, null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    clicked_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "email_details"
        verbose_name_plural = "e-mail details"
        constraints = (enum_check("delivery_status", DeliveryStatus, name="email_details_delivery_status", null=True),)
        indexes = (
            models.Index(fields=["provider_message_id"], name="idx_email_provider_id"),
            models.Index(fields=["message_id_header"], name="idx_email_message_id"),
        )

    def __str__(self) -> str:
        return self.subject


class VoiceCallDetails(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("from_number", "to_number", "recording_url", "transcript_segments", "function_calls")

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="voice_call_details")
    call_sid = models.CharField(max_length=100, null=True, blank=True, unique=True)
    from_number = models.CharField(max_length=64, blank=True, default="")
    to_number = models.CharField(max_length=64, blank=True, default="")
    menu_selection = models.CharField(max_length=100, blank=True, default="")
    duration_seconds = models.IntegerField(default=0)
    recording_url = models.CharField(max_length=500, blank=True, default="")
    transcript_segments = models.JSONField(
        default=list, blank=True, help_text='[{"speaker": "customer", "text": "…", "timestamp": 1.5}], in seconds.'
    )
    function_calls = models.JSONField(default=list, blank=True, help_text='[{"name": "…", "args": {}, "result": {}}]')
    audio_quality_score = models.FloatField(null=True, blank=True)
    interruption_count = models.IntegerField(default=0)

    class Meta:
        db_table = "voice_call_details"
        verbose_name_plural = "voice call details"
        constraints = (
            models.CheckConstraint(condition=Q(duration_seconds__gte=0), name="voice_details_duration"),
            models.CheckConstraint(condition=Q(interruption_count__gte=0), name="voice_details_interruptions"),
        )

    def __str__(self) -> str:
        return f"Call of {self.duration_seconds} s"
