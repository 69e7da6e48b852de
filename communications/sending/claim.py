"""Claiming due batches and giving them up: a lease with an attempt number, one small row for up to a thousand messages.

Batches of a provider whose circuit is open are passed over, but for the one that probes it. Batches that killed a sender
are claimed with their like alone and in tenths; the last of them, one message each, never two in one process.
Nothing is claimed while sending is held (`actions.hold`).
"""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from django.conf import settings
from django.db import transaction

from communications.models import SendBatch
from communications.providers import registry
from communications.sending.circuit import Permit, permit
from config.db import array_literal, fetch_all
from customers.choices import Channel

Ask: TypeAlias = Callable[[str, dict[str, Any]], list[tuple[Any, ...]]]

MOST_BATCHES = 256
LAST_DEATHS = 3  # a batch of one message that died so often is a suspect: dying alone proves it guilty

_CLAIMABLE = """
FROM send_batches AS b LEFT JOIN provider_circuits AS c ON c.provider = b.provider AND c.state = 'open'
WHERE b.state = 'waiting' AND b.purpose = %(purpose)s AND b.channel = way.channel
    AND b.due_at <= statement_timestamp() + make_interval(secs => %(within)s)
    AND (c.id IS NULL OR c.probe_at <= statement_timestamp() + make_interval(secs => %(within)s))
    AND NOT EXISTS (SELECT 1 FROM sending_holds)
"""
# Channel by channel, as the index has them: the oldest are found however many wait behind them.
_DUE = f"""
SELECT due.* FROM unnest(%(channels)s::text[]) AS way(channel), LATERAL (
    SELECT b.id, b.channel, b.provider, b.row_count, b.deaths, c.id IS NOT NULL, b.due_at {_CLAIMABLE}
    ORDER BY b.due_at LIMIT %(most)s FOR NO KEY UPDATE OF b SKIP LOCKED
) AS due ORDER BY due.due_at, due.id LIMIT %(most)s
"""
_FIRST_DUE = f"""
SELECT extract(epoch FROM min(first.at) - statement_timestamp())::float
FROM unnest(%(channels)s::text[]) AS way(channel), LATERAL (
    SELECT greatest(b.due_at, c.probe_at) AS at {_CLAIMABLE} ORDER BY b.due_at LIMIT 1
) AS first
"""
_ONE_LANE = "SELECT pg_advisory_xact_lock(hashtext('suspects of ' || %s))"
_HAS_SUSPECT = """
SELECT EXISTS (SELECT 1 FROM send_batches WHERE state = 'working' AND claimed_by = %s AND deaths >= %s)
"""
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
_PUT_OFF = """
UPDATE send_batches AS b
SET state = CASE WHEN EXISTS (
        SELECT 1 FROM f_message_data AS m WHERE m.batch_id = b.id AND m.status IN ('pending', 'scheduled')
    ) THEN 'waiting' ELSE 'done' END,
    due_at = clock_timestamp() + make_interval(secs => %s),
    lease_until = NULL, in_flight = '{}', claimed_by = '', updated_ts = clock_timestamp()
FROM unnest(%s::uuid[], %s::int[]) AS mine(id, attempt)
WHERE b.id = mine.id AND b.attempt = mine.attempt AND b.state = 'working'
"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A batch that is ours as long as its attempt is this one and its lease runs.

    All claims of a round say the same of `slice_rows`, the most messages of them whose calls may be under way together,
    and of `probe`: whether the one call that is made is to tell if the provider is back.
    """

    batch_id: UUID
    attempt: int
    channel: str
    provider: str
    purpose: str
    slice_rows: int
    probe: bool = False


class _Due(NamedTuple):
    id: UUID
    channel: str
    provider: str
    row_count: int
    deaths: int
    circuit_is_open: bool
    due_at: datetime


def claim_due(purpose: str, *, most_rows: int = 0) -> list[Claim]:
    """Due batches for one round, oldest first: of one provider and channel, one batch at least.

    Together about a slice: `most_rows` messages or, without it, one call's worth where a call carries many, else about a
    second's worth.
    """
    with transaction.atomic():
        due = [_Due(*row) for row in fetch_all(_DUE, {**_within(purpose, 0), "most": MOST_BATCHES})]
        chosen, slice_rows, probe = _choose(due, most_rows)
        if not chosen:
            return []
        rows = fetch_all(_CLAIM, [_me(), settings.SEND_LEASE_SECONDS, [batch.id for batch in chosen]])
    names = ("batch_id", "attempt", "channel", "provider", "purpose")
    return [Claim(**dict(zip(names, row, strict=True)), slice_rows=slice_rows, probe=probe) for row in rows]


def due_within(purpose: str, seconds: float = 0.0, *, ask: Ask = fetch_all) -> float | None:
    """In about how many seconds a batch of this purpose can be claimed; None when it takes longer than `seconds`.

    `ask` puts the statement to another connection than this thread's own.
    """
    wait = ask(_FIRST_DUE, _within(purpose, seconds))[0][0]
    return None if wait is None else max(0.0, wait)


def is_kept_waiting(purpose: str, seconds: float, ask: Ask = fetch_all) -> bool:
    """Whether a batch of this purpose could have been claimed for so many seconds, and nobody came."""
    return due_within(purpose, -seconds, ask=ask) is not None


def _within(purpose: str, seconds: float) -> dict[str, Any]:
    return {"purpose": purpose, "within": seconds, "channels": Channel.values}


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


def put_off(claims: Sequence[Claim], seconds: float) -> None:
    """Go on with these batches in so many seconds: their line may not send more now. Those that have nothing left are done."""
    fetch_all(_PUT_OFF, [seconds, [claim.batch_id for claim in claims], [claim.attempt for claim in claims]])


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


def _choose(due: Sequence[_Due], most_rows: int) -> tuple[list[_Due], int, bool]:
    """Which of the due batches to take, how many messages at a time, and whether as a probe."""
    if due and due[0].deaths >= LAST_DEATHS and _holds_a_suspect():
        due = [batch for batch in due if batch.deaths < LAST_DEATHS]
    if not due:
        return [], 0, False
    first = due[0]
    if first.circuit_is_open:
        match permit(first.provider):
            case Permit.PROBE:
                return [first], 1, True
            case Permit.NONE:  # another sender was faster
                return _choose([batch for batch in due if batch.provider != first.provider], most_rows)
    slice_rows = max(1, (most_rows or _slice_of(first.provider)) // 10**first.deaths)
    return _fitting(due, slice_rows), slice_rows, False


def _slice_of(provider: str) -> int:
    calls_of = registry.get(provider).capabilities.calls_of
    return calls_of if calls_of > 1 else settings.SEND_SLICE_SIZE


def _holds_a_suspect() -> bool:
    """Whether a lane of this process is at work on a suspect: were there two, nobody could tell which of them killed it."""
    fetch_all(_ONE_LANE, [_me()])  # until this claim is committed
    return bool(fetch_all(_HAS_SUSPECT, [_me(), LAST_DEATHS])[0][0])


def _fitting(batches: Sequence[_Due], most_rows: int) -> list[_Due]:
    chosen: list[_Due] = []
    for batch in batches:
        same = not chosen or _kind(batch) == _kind(chosen[0])
        fits = not chosen or sum(b.row_count for b in chosen) + batch.row_count <= most_rows
        if same and fits:
            chosen.append(batch)
    return chosen


def _kind(batch: _Due) -> tuple[str, str, int]:
    return batch.channel, batch.provider, batch.deaths


def _me() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}"
