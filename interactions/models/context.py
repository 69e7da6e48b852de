"""What became known of a person or a matter (source 002); it is read back for replies."""

from typing import ClassVar

from django.db import models
from django.db.models import F
from django.utils import timezone

from config.db import UuidModel
from customers.models import Customer
from interactions.choices import ContextType
from interactions.models.interaction import Interaction


class ContextData(UuidModel):
    PERSONAL_FIELDS: ClassVar = ("data",)

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="context_data")
    interaction = models.ForeignKey(
        Interaction, null=True, blank=True, on_delete=models.CASCADE, related_name="context_data"
    )
    context_type = models.CharField(max_length=50, choices=ContextType)
    data = models.JSONField()
    source = models.CharField(max_length=50, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "context_data"
        verbose_name_plural = "context data"
        indexes = (models.Index(F("customer"), F("created_at").desc(), name="idx_context_customer_created"),)

    def __str__(self) -> str:
        return self.context_type
