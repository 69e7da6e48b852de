"""A caller's own key for a request that sends, and the answer it got: a repeat is answered, never done again."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel


class IdempotencyKey(UuidModel):
    """Without `status_code` the first request still runs. Kept 24 hours."""

    PERSONAL_FIELDS: ClassVar = ("response",)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status_code = models.IntegerField(null=True, blank=True)
    response = models.JSONField(null=True, blank=True)
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)

    class Meta:
        db_table = "idempotency_keys"
        constraints = (
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_keys_once"),
            models.CheckConstraint(condition=~Q(key=""), name="idempotency_keys_not_empty"),
            models.CheckConstraint(
                condition=Q(status_code__isnull=True, response__isnull=True)
                | Q(status_code__isnull=False, response__isnull=False),
                name="idempotency_keys_answer_paired",
            ),
        )
        indexes = (models.Index(fields=["created_ts"], name="idx_idempotency_created"),)

    def __str__(self) -> str:
        return self.key
