"""Claiming due batches and giving them up: a lease with an attempt number, one small row for up to a thousand messages."""

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from communications.models import SendBatch
from config.db import array_literal, fetch_all
from config.db import now as database_now

MOST_BATCHES = 64

_CLAIM = """
UPDATE send_batches
SET state = 'working', attempt = attempt + 1, claimed_by = %s, last_error = '',
    lease_until = clock_timestamp() + make_interval(secs => %s), updated_ts = clock_timestamp()
WHERE id = ANY(%s)
RETURNING id, attempt, channel, provider, purpose
"""
_INTENT = """
UPDATE send_batches AS b
SET in_flight = ARRAY(SELECT x.message FROM unnest(%s::uuid[], %s::uuid[]) AS x(batch, message) WHERE x.batch = b.id),
    lease_until = clock_timestamp() + make_interval(secs => %s), updated_ts = clock_timestamp()
FROM unnest(%s::uuid[], %s::int[]) AS mine(id, attempt)
WHERE b.id = mine.id AND b.attempt = mine.attempt AND b.state = 'working'
RETURNING b.id
"""
_GIVE_UP = """
UPDATE send_batches AS b
SET state = %s, lease_until = NULL, in_flight = '{}', claimed_by = '', updated_ts = clock_timestamp()
FROM unnest(%s::uuid[], %s::int[]) AS mine(id, attempt)
WHERE b.id = mine.id AND b.attempt = mine.attempt AND b.state = 'working'
"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A batch that is ours as long as its attempt is this one and its lease runs."""

    batch_id: UUID
    attempt: int
    channel: str
    provider: str
    purpose: str


def claim_due(purpose: str, *, most_rows: int) -> list[Claim]:
    """Due batches for one round, oldest first: of one provider and channel, about `most_rows` messages, one batch at least."""
    with transaction.atomic():
        due = SendBatch.objects.due(database_now()).filter(purpose=purpose).select_for_update(skip_locked=True)
        chosen = _fitting(list(due.only("id", "channel", "provider", "row_count")[:MOST_BATCHES]), most_rows)
        if not chosen:
            return []
        rows = fetch_all(_CLAIM, [_me(), settings.SEND_LEASE_SECONDS, [batch.pk for batch in chosen]])
    names = ("batch_id", "attempt", "channel", "provider", "purpose")
    return [Claim(**dict(zip(names, row, strict=True))) for row in rows]


def mark_in_flight(claims: Sequence[Claim], in_flight: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Renew the leases and write down whose calls are about to begin, as (batch, message). The batches that are still ours.

    Paused, cancelled and taken over are conditions here, so each takes hold with the next slice.
    """
    pairs = list(in_flight)
    rows = fetch_all(
        _INTENT,
        [
            array_literal(batch for batch, _ in pairs),
            array_literal(message for _, message in pairs),
            settings.SEND_LEASE_SECONDS,
            [claim.batch_id for claim in claims],
            [claim.attempt for claim in claims],
        ],
    )
    return {row[0] for row in rows}


def finish(claims: Sequence[Claim], *, state: str = SendBatch.State.DONE) -> None:
    """Nothing is left to do in these batches (or, with state waiting, somebody else may go on with them)."""
    fetch_all(_GIVE_UP, [state, [claim.batch_id for claim in claims], [claim.attempt for claim in claims]])


def release(claims: Sequence[Claim]) -> None:
    """Give the batches back unfinished, for another sender or another time."""
    finish(claims, state=SendBatch.State.WAITING)


def lock_batches(claims: Sequence[Claim]) -> set[UUID]:
    """The row locks of the batches that are still ours: what is settled under them is settled once."""
    rows = fetch_all(
        """
        SELECT b.id FROM send_batches AS b JOIN unnest(%s::uuid[], %s::int[]) AS mine(id, attempt) ON b.id = mine.id
        WHERE b.attempt = mine.attempt AND b.state = 'working' ORDER BY b.id FOR NO KEY UPDATE OF b
        """,
        [[claim.batch_id for claim in claims], [claim.attempt for claim in claims]],
    )
    return {row[0] for row in rows}


def next_due(purpose: str) -> datetime | None:
    """When the next waiting batch of this purpose is due."""
    waiting = SendBatch.objects.filter(state=SendBatch.State.WAITING, purpose=purpose)
    return waiting.order_by("due_at").values_list("due_at", flat=True).first()


def _fitting(batches: Sequence[SendBatch], most_rows: int) -> list[SendBatch]:
    chosen: list[SendBatch] = []
    for batch in batches:
        same = not chosen or (batch.channel, batch.provider) == (chosen[0].channel, chosen[0].provider)
        fits = not chosen or sum(b.row_count for b in chosen) + batch.row_count <= most_rows
        if same and fits:
            chosen.append(batch)
    return chosen


def _me() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}"
