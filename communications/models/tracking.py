"""Links of a template version: a click is led to what stands here, never to an address that came with the request."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from communications.models.schema import MessageSchemaVersion
from config.db import UuidModel


class TrackedLink(UuidModel):
    """`target` is the address as its author wrote it (it may hold Liquid), with the UTM parameters."""

    PERSONAL_FIELDS: ClassVar = ()

    schema_version = models.ForeignKey(
        MessageSchemaVersion, verbose_name="template version", on_delete=models.PROTECT, related_name="links"
    )
    position = models.IntegerField(help_text="Its number in the mail, from 1.")
    target = models.TextField()
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)

    class Meta:
        db_table = "tracked_links"
        constraints = (
            models.UniqueConstraint(fields=["schema_version", "position"], name="tracked_links_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="tracked_links_position"),
            models.CheckConstraint(condition=~Q(target=""), name="tracked_links_target"),
        )

    def __str__(self) -> str:
        return f"{self.position}: {self.target}"
