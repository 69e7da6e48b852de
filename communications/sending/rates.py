"""How many messages a line of ours may send now: tokens of its bucket, taken for a whole slice in one statement.

The row is locked for that statement alone and the database's clock fills the bucket, so all processes together never
send more than rate x time + burst. Call it outside a transaction, or the line stands still as long as that lasts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.db import fetch_all

PAUSED_SECONDS = 15.0  # until a paused line is asked again

_TAKE = """
WITH line AS (
    SELECT id, per_second::float AS rate, burst, tokens, tokens_at, paused
    FROM sender_lines WHERE provider = %(provider)s AND sender IN (%(sender)s, '')
    ORDER BY sender DESC LIMIT 1 FOR NO KEY UPDATE
), filled AS MATERIALIZED (
    SELECT line.*, greatest(tokens_at, clock_timestamp()) AS at FROM line
), bucket AS (
    SELECT id, rate, burst, paused, at, least(burst, tokens + rate * extract(epoch FROM at - tokens_at)::float) AS has
    FROM filled
), granted AS (
    SELECT *, CASE WHEN paused THEN 0 ELSE least(%(wanted)s, floor(has)::int) END AS n FROM bucket
)
UPDATE sender_lines AS s SET tokens = g.has - g.n, tokens_at = g.at
FROM granted AS g WHERE s.id = g.id
RETURNING g.n, g.paused, g.rate, g.burst, s.tokens
"""
_GIVE_BACK = """
UPDATE sender_lines SET tokens = least(burst, tokens + %(count)s)
WHERE id = (
    SELECT id FROM sender_lines WHERE provider = %(provider)s AND sender IN (%(sender)s, '') ORDER BY sender DESC LIMIT 1
)
"""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How many may leave now and, where that is fewer than were wanted, after how long it is worth asking again."""

    granted: int
    wait_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Allotment:
    """Which messages of a slice may leave now, by their place in it, and after how long to ask for the others."""

    places: Sequence[int]
    wait_seconds: float = 0.0


def take(provider: str, sender: str, wanted: int) -> Grant:
    """Take up to `wanted` tokens of the sender's line, or of the provider's row for every other line; none: no limit."""
    if wanted <= 0:
        return Grant(granted=0)
    rows = fetch_all(_TAKE, {"provider": provider, "sender": sender, "wanted": wanted})
    if not rows:
        return Grant(granted=wanted)
    granted, paused, rate, burst, left = rows[0]
    if granted == wanted:
        return Grant(granted=granted)
    return Grant(
        granted=granted,
        wait_seconds=PAUSED_SECONDS if paused else _until_worthwhile(wanted - granted, rate, burst, left),
    )


def give_back(provider: str, senders: Iterable[str]) -> None:
    """Tokens of messages that did not leave after all, held or skipped: `senders` names each one's line."""
    for sender, count in sorted(Counter(senders).items()):
        fetch_all(_GIVE_BACK, {"provider": provider, "sender": sender, "count": count})


def allot(provider: str, senders: Sequence[str]) -> Allotment:
    """A slice's share: `senders` names each message's line, in order. The first ones of each line leave first."""
    grants = {sender: take(provider, sender, wanted) for sender, wanted in sorted(Counter(senders).items())}
    left = {sender: grant.granted for sender, grant in grants.items()}
    places = []
    for place, sender in enumerate(senders):
        if left[sender] > 0:
            left[sender] -= 1
            places.append(place)
    waits = [grant.wait_seconds for grant in grants.values() if grant.wait_seconds]
    return Allotment(places=places, wait_seconds=min(waits, default=0.0))


def _until_worthwhile(missing: int, rate: float, burst: int, left: float) -> float:
    """Until the bucket holds what is missing, about a second's worth of it at most: slices as large as the line allows."""
    enough = min(missing, burst, max(1.0, rate))
    return max(0.0, (enough - left) / rate)
