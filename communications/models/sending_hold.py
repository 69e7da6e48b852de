"""Nothing leaves while this row stands: after a restore, until somebody has looked at what was due meanwhile."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel
from config.history.tracking import tracked


@tracked("sending_holds_history")
class SendingHold(UuidModel):
    """One row at most. Senders claim nothing while it is there; what they claimed before is finished."""

    PERSONAL_FIELDS: ClassVar = ()

    reason = models.TextField()
    is_only = models.BooleanField(default=True, unique=True, editable=False)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "sending_holds"
        constraints = (
            models.CheckConstraint(condition=Q(is_only=True), name="sending_holds_only"),
            models.CheckConstraint(condition=~Q(reason=""), name="sending_holds_reason"),
        )

    def __str__(self) -> str:
        return self.reason
