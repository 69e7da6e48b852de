"""What staff do with batches of the queue."""

from django.db import transaction
from django.db.models import QuerySet

from communications import wake
from communications.choices import MessageStatus, Reason
from communications.models import MessageData, SendBatch
from config.db import now as database_now
from config.db import update_rows


@transaction.atomic
def unpark(batches: "QuerySet[SendBatch]") -> int:
    """Try parked batches once more: no call was ever made for their messages. Returns how many batches that were.

    Their deaths stay counted, so each is claimed alone and parked again at once if it kills its sender again.
    """
    parked = list(batches.filter(state=SendBatch.State.PARKED).select_for_update(no_key=True).order_by("id"))
    blamed = MessageData.objects.filter(
        batch__in=parked, status=MessageStatus.FAILED, decision_reason=Reason.POISON
    ).select_for_update(no_key=True)
    rows = list(blamed.order_by("id"))
    for row in rows:
        row.status, row.decision_reason, row.failed_ts, row.failed_reason = MessageStatus.PENDING, "", None, ""
    update_rows(rows, ("status", "decision_reason", "failed_ts", "failed_reason"))
    for batch in parked:
        batch.state, batch.due_at = SendBatch.State.WAITING, database_now()
    update_rows(parked, ("state", "due_at"))
    for purpose in sorted({batch.purpose for batch in parked}):
        wake.sender(purpose)
    return len(parked)
