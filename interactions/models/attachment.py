"""A file or a picture that came or went with a message (source 002)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel
from interactions.models.message import Message


class Attachment(UuidModel):
    """`object_key` is random; the sender's `filename` is for showing only and never part of a path."""

    PERSONAL_FIELDS: ClassVar = ("filename", "url", "analysis")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    type = models.CharField(max_length=50)
    url = models.CharField(max_length=255, blank=True, default="")
    filename = models.CharField(max_length=255, blank=True, default="")
    mime_type = models.CharField(max_length=100, blank=True, default="")
    size_bytes = models.BigIntegerField(null=True, blank=True)
    object_bucket = models.TextField(blank=True, default="")
    object_key = models.TextField(blank=True, default="")
    content_id = models.CharField(max_length=255, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    analysis = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "attachments"
        constraints = (
            models.CheckConstraint(
                condition=Q(size_bytes__isnull=True) | Q(size_bytes__gte=0), name="attachments_size_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.filename or self.type
