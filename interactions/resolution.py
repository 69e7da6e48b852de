"""Which conversation does a message belong to? Pure: the caller brings the candidates and the database's clock.

1. An explicit thread (In-Reply-To, chat session, call), if the sender takes part in it and it is active, or closed
   merely for idleness: then it opens again.
2. Else the customer's active conversation with activity in the last 24 hours, whatever its channel.
3. Else a new one, which names the finished one that it continues.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

WINDOW = timedelta(hours=24)

_ACTIVE = "active"
_IDLE = "idle"


class Kind(StrEnum):
    JOIN = "join"
    REOPEN = "reopen"
    NEW = "new"


class Reason(StrEnum):
    """Why a message stands where it stands: kept on the message and shown."""

    THREAD = "thread"
    ACTIVE_24H = "active_24h"
    NEW = "new"
    CONTINUES = "continues"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What has to be known of a conversation; `customer_takes_part` is about the sender of this message."""

    id: UUID
    status: str
    closed_reason: str
    last_activity_at: datetime
    customer_takes_part: bool = True

    @property
    def is_active(self) -> bool:
        return self.status == _ACTIVE

    @property
    def is_merely_idle(self) -> bool:
        return not self.is_active and self.closed_reason == _IDLE


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """`conversation_id` is None exactly for a new one.

    `closes_id` is a conversation that is still marked active though its time ran out: it closes as idle first.
    """

    kind: Kind
    reason: Reason
    conversation_id: UUID | None = None
    continues_id: UUID | None = None
    closes_id: UUID | None = None


def resolve(
    *,
    explicit: Candidate | None,
    active: Candidate | None,
    previous: Candidate | None,
    now: datetime,
    window: timedelta = WINDOW,
) -> Resolution:
    """Join, reopen or begin. `active` is the customer's open conversation, `previous` the one finished last.

    Activity exactly `window` ago is outside, a microsecond less is inside.
    """
    if explicit and explicit.customer_takes_part:
        if explicit.is_active:
            return Resolution(kind=Kind.JOIN, reason=Reason.THREAD, conversation_id=explicit.id)
        if explicit.is_merely_idle:
            return Resolution(kind=Kind.REOPEN, reason=Reason.THREAD, conversation_id=explicit.id)
    if active and active.is_active and now - active.last_activity_at < window:
        return Resolution(kind=Kind.JOIN, reason=Reason.ACTIVE_24H, conversation_id=active.id)
    return _begin(explicit, active, previous)


def _begin(explicit: Candidate | None, active: Candidate | None, previous: Candidate | None) -> Resolution:
    own_thread = explicit if explicit and explicit.customer_takes_part else None
    stale = active if active and active.is_active else None
    continued = own_thread or stale or previous
    return Resolution(
        kind=Kind.NEW,
        reason=Reason.CONTINUES if continued else Reason.NEW,
        continues_id=continued.id if continued else None,
        closes_id=stale.id if stale else None,
    )
