"""Rows that were taken on get their numbers and their batches, and a sender is woken for what is due."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from communications import wake
from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import MessageData, SendBatch
from communications.models.send_batch import MOST_ROWS
from config.db import now as database_now
from config.numbers import take_numbers


def put_into_batches(rows: Sequence[MessageData], undo_seconds: Sequence[int]) -> None:
    """Rows that are due together, alike in channel, provider, purpose and version, share a batch of up to 1,000.

    So many seconds may a row be taken back, even when it is due at once.
    """
    _number(rows)
    at = database_now()
    groups: dict[tuple[Any, ...], list[MessageData]] = defaultdict(list)
    for row, undo in zip(rows, undo_seconds, strict=True):
        due_at = row.scheduled_ts or at + timedelta(seconds=undo)
        groups[row.message_delivery_method, row.provider, row.purpose, row.schema_version_id, due_at].append(row)
    batches = [batch for key, members in groups.items() for batch in _batches(key, members)]
    SendBatch.objects.bulk_create(batches)
    for purpose in {batch.purpose for batch in batches if batch.due_at <= at}:
        wake.sender(purpose)


def _number(rows: Sequence[MessageData]) -> None:
    for row, number in zip(rows, take_numbers("MSG", count=len(rows)), strict=True):
        row.message_number = number


def _batches(key: tuple[Any, ...], members: Sequence[MessageData]) -> list[SendBatch]:
    method, provider, purpose, version_id, due_at = key
    parts = [members[start : start + MOST_ROWS] for start in range(0, len(members), MOST_ROWS)]
    return [_batch(part, method, provider, purpose, version_id, due_at) for part in parts]


def _batch(
    part: Sequence[MessageData], method: str, provider: str, purpose: str, version_id: Any, due_at: datetime
) -> SendBatch:
    batch = SendBatch(
        channel=CHANNEL_OF_METHOD[DeliveryMethod(method)],
        provider=provider,
        purpose=purpose,
        schema_version_id=version_id,
        due_at=due_at,
        row_count=len(part),
    )
    for row in part:
        row.batch = batch
    return batch
