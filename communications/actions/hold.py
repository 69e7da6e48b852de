"""Holding everything that leaves, and letting it go again."""

from communications.models import SendingHold
from config.db import fetch_all

_HOLD = """
INSERT INTO sending_holds (id, reason, is_only, since) VALUES (gen_random_uuid(), %s, true, clock_timestamp())
ON CONFLICT (is_only) DO NOTHING RETURNING id
"""


def hold_sending(reason: str) -> bool:
    """No batch is claimed from now on. False when it is held already."""
    return bool(fetch_all(_HOLD, [reason]))


def release_sending() -> bool:
    """Senders claim again, within seconds. False when nothing was held."""
    deleted, _ = SendingHold.objects.all().delete()
    return bool(deleted)
