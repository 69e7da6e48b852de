"""Putting messages back: into batches of their own due time, at the end of the queue, never in the way of others."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from communications.models import SendBatch
from communications.models.send_batch import MOST_ROWS
from communications.sending.facts import channel_of
from communications.sending.log import Logged
from communications.sending.rows import write_rows


def requeue(held: Iterable[tuple[Logged, datetime]]) -> None:
    """New batches for rows that wait until a moment (the next full second), alike in version, provider and purpose."""
    groups: dict[tuple[Any, ...], list[Logged]] = defaultdict(list)
    for row, until in held:
        key = (_full_second(until), channel_of(row), row.provider, row.purpose, row.schema_version_id)
        groups[key].append(row)
    batches: list[SendBatch] = []
    for key, rows in groups.items():
        for start in range(0, len(rows), MOST_ROWS):
            batches.append(_into_new_batch(key, rows[start : start + MOST_ROWS]))
    SendBatch.objects.bulk_create(batches)
    write_rows([row for rows in groups.values() for row in rows], ("batch",))


def _full_second(moment: datetime) -> datetime:
    """Never before the moment: a row that is claimed too early would be held again, over and over."""
    return (moment + timedelta(microseconds=999_999)).replace(microsecond=0)


def _into_new_batch(key: tuple[Any, ...], rows: list[Logged]) -> SendBatch:
    due_at, channel, provider, purpose, schema_version_id = key
    batch = SendBatch(
        due_at=due_at,
        channel=channel,
        provider=provider,
        purpose=purpose,
        schema_version_id=schema_version_id,
        row_count=len(rows),
    )
    for row in rows:
        row.batch_id = batch.pk
    return batch
