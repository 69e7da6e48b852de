"""What the analysis made of a message, one row each (source 002)."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from config.db import UuidModel
from interactions.models.message import Message


class AiAnalysis(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("classification", "sentiment", "entities")

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="ai_analysis")
    classification = models.JSONField()
    sentiment = models.JSONField(null=True, blank=True)
    entities = models.JSONField(null=True, blank=True)
    language = models.CharField(max_length=10, blank=True, default="")
    escalation_triggers = models.JSONField(default=list, blank=True)
    backend = models.CharField(max_length=50, blank=True, default="")
    model = models.CharField(max_length=100, blank=True, default="")
    prompt_version = models.CharField(max_length=50, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "ai_analysis"
        verbose_name = "AI analysis"
        verbose_name_plural = "AI analyses"

    def __str__(self) -> str:
        return f"Analysis of {self.message_id}"
