"""Minding what was abandoned: leases that ran out, doubts that a look-up can settle, batches that nobody woke."""

from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from communications import wake
from communications.choices import MessageStatus, Reason
from communications.models import BulkSend, MessageData, SendBatch, WebhookDelivery
from communications.sending.claim import Ask, due_within
from communications.sending.poison import give_back
from config.db import fetch_all, update_rows
from config.db import now as database_now
from customers.choices import Purpose

log = structlog.get_logger(__name__)

_AT_ONCE = 100
_TAKE_DOUBTS = """
UPDATE f_message_data SET updated_ts = clock_timestamp()
WHERE id IN (
    SELECT id FROM f_message_data
    WHERE status = 'uncertain' AND updated_ts <= clock_timestamp() - make_interval(secs => %s)
    ORDER BY updated_ts LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id
"""

_IS_BEHIND = """
SELECT EXISTS (
    SELECT 1 FROM webhook_deliveries
    WHERE state = 'received' AND due_at <= statement_timestamp() - make_interval(secs => %(seconds)s)
) OR EXISTS (
    SELECT 1 FROM send_batches
    WHERE state = 'working' AND lease_until <= statement_timestamp() - make_interval(secs => %(seconds)s)
)
"""


def sweep() -> None:
    """One round; every part of it may run anywhere, any number of times at once."""
    while release_abandoned():
        pass
    wake_what_is_due()


@transaction.atomic
def release_abandoned() -> int:
    """Take batches from senders whose lease ran out. What was in flight is in doubt; the rest goes back to the queue."""
    at = database_now()
    batches = list(SendBatch.objects.abandoned(at).select_for_update(skip_locked=True)[:_AT_ONCE])
    if not batches:
        return 0
    in_flight = [message for batch in batches for message in batch.in_flight]
    doubtful = list(
        MessageData.objects.unsettled()
        .filter(pk__in=in_flight, batch__in=[batch.pk for batch in batches])  # settled since: it waits in another batch
        .select_for_update(no_key=True)
        .order_by("id")
    )
    for row in doubtful:
        row.status, row.decision_reason, row.decided_ts = MessageStatus.UNCERTAIN, Reason.CRASHED, at
        row.failed_reason = "The sender stopped after the call had begun; whether the provider took it is not known."
    update_rows(doubtful, ("status", "decision_reason", "decided_ts", "failed_reason"))
    give_back(batches, at)
    log.warning("batches_abandoned", batches=len(batches), uncertain=len(doubtful))
    return len(batches)


def wake_what_is_due() -> None:
    """Wake whoever has something to do: a wake-up may have been lost."""
    at = database_now()
    for purpose in Purpose.values:
        if due_within(purpose) is not None:
            wake.sender(purpose)
    if WebhookDelivery.objects.due(at).exists():
        wake.journal()
    if BulkSend.objects.unfinished().exists():
        wake.bulks()
    if MessageData.objects.filter(status=MessageStatus.UNCERTAIN).exists():
        wake.doubts()


def is_behind(seconds: float, ask: Ask = fetch_all) -> bool:
    """Whether webhooks or dead senders' batches have been waiting for so many seconds for somebody to mind them."""
    return bool(ask(_IS_BEHIND, {"seconds": seconds})[0][0])


def take_doubts(*, limit: int = _AT_ONCE) -> list[UUID]:
    """Uncertain messages old enough for a look-up: a message just taken by the provider may not be listed yet.

    Each is given to one caller and comes up again only after the same time, so doubts that nobody can settle do not stand
    before the others.
    """
    return [row[0] for row in fetch_all(_TAKE_DOUBTS, [settings.LOOKUP_AFTER_SECONDS, limit])]
