"""A batch whose sender died may hold the message that killed it: it is tried again in tenths, until one message is left to blame.

A thousand messages, a hundred, ten, one: the message that is alone when its sender dies once more is parked, and the
others have left. What was in flight is not judged here; it is in doubt, and is not sent again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from uuid import UUID

import structlog

from communications.choices import MessageStatus, Reason
from communications.models import MessageData, SendBatch
from communications.sending.claim import LAST_DEATHS
from communications.sending.log import show_delivery
from config.db import update_rows

log = structlog.get_logger(__name__)

_DIED = "The lease ran out: its sender died or stood still."
_GIVEN_BACK = ("state", "due_at", "row_count", "deaths", "lease_until", "in_flight", "claimed_by", "last_error")


def give_back(batches: Sequence[SendBatch], at: datetime) -> None:
    """Count a death for each of these batches, and put it back in parts or park it. The caller holds the batches' locks."""
    waiting = _waiting(batches)
    parked = [batch for batch in batches if batch.deaths >= LAST_DEATHS and len(waiting[batch.pk]) == 1]
    children: list[SendBatch] = []
    for batch in batches:
        batch.state = SendBatch.State.PARKED if batch in parked else SendBatch.State.WAITING
        batch.due_at, batch.deaths, batch.last_error = at, batch.deaths + 1, _DIED
        batch.lease_until, batch.in_flight, batch.claimed_by = None, [], ""
        children += _split(batch, waiting[batch.pk])
    SendBatch.objects.bulk_update(batches, _GIVEN_BACK)
    SendBatch.objects.bulk_create(children)
    update_rows([row for old in batches for row in waiting[old.pk] if row.batch_id != old.pk], ("batch",))
    _fail(parked, at)


def _waiting(batches: Sequence[SendBatch]) -> Mapping[UUID, list[MessageData]]:
    """The messages of each batch that no call was made for. One that somebody holds just now stays where it is."""
    rows = MessageData.objects.unsettled().filter(batch__in=[batch.pk for batch in batches])
    found: dict[UUID, list[MessageData]] = defaultdict(list)
    for row in rows.select_for_update(no_key=True, skip_locked=True).order_by("id").only("id", "batch"):
        if row.batch_id:
            found[row.batch_id].append(row)
    return found


def _split(batch: SendBatch, rows: Sequence[MessageData]) -> list[SendBatch]:
    """The batch keeps the first tenth of its rows; the new batches for the others."""
    tenth = ceil(len(rows) / 10)
    batch.row_count = max(1, tenth)
    children = []
    for start in range(tenth, len(rows), max(1, tenth)):
        part = rows[start : start + tenth]
        child = SendBatch(
            channel=batch.channel,
            provider=batch.provider,
            purpose=batch.purpose,
            schema_version_id=batch.schema_version_id,
            due_at=batch.due_at,
            row_count=len(part),
            deaths=batch.deaths,
            last_error=batch.last_error,
        )
        for row in part:
            row.batch = child
        children.append(child)
    return children


def _fail(parked: Sequence[SendBatch], at: datetime) -> None:
    rows = list(MessageData.objects.unsettled().filter(batch__in=parked)) if parked else []
    for row in rows:
        row.status, row.decision_reason, row.failed_ts = MessageStatus.FAILED, Reason.POISON, at
        row.failed_reason = "Its sender died each time, at last with this message alone."
        log.error("poison_parked", batch=str(row.batch_id), message=row.message_number)
    update_rows(rows, ("status", "decision_reason", "failed_ts", "failed_reason"))
    show_delivery(rows)
