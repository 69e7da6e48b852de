"""One slice of a claim: what may leave now is decided and written down as in flight, in one transaction, before any call.

The locks of the batches are taken first and held to the end, so whoever withdraws a message (under the same lock) either
finds it in flight or keeps it from leaving. A row that leaves is written once, with its outcome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from communications.choices import DecisionKind, MessageStatus, Reason
from communications.models import MessageData
from communications.providers.base import OutboundMessage
from communications.sending.claim import Claim, lock_batches, mark_in_flight
from communications.sending.compose import compose
from communications.sending.decide import SEND, Decision, decide
from communications.sending.facts import load_facts
from communications.sending.log import show_delivery
from communications.sending.requeue import requeue
from communications.sending.rows import SendingRow, read_rows, write_rows
from config.db import array_literal
from config.db import now as database_now
from customers.choices import Purpose

_DECIDED = ("status", "decision", "decision_reason", "decision_detail", "decided_ts", "failed_ts", "cost")
_UNSETTLED = "id = ANY(%s::uuid[]) AND batch_id = ANY(%s) AND status IN ('pending', 'scheduled')"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What is on its way: the rows and, in the same order, what the provider gets."""

    claims: Sequence[Claim]
    rows: Sequence[SendingRow] = field(default=())
    outbound: Sequence[OutboundMessage] = field(default=())


class Waiting(NamedTuple):
    """A message that no call was made for yet, and the line it will leave by."""

    id: UUID
    sender: str


def waiting_rows(claims: Sequence[Claim]) -> list[Waiting]:
    """The messages of these batches that no call was made for yet, in the order they came in."""
    rows = MessageData.objects.unsettled().filter(batch__in=[claim.batch_id for claim in claims])
    return [Waiting(*row) for row in rows.order_by("id").values_list("id", "sender")]


@transaction.atomic
def prepare(claims: Sequence[Claim], message_ids: Sequence[UUID]) -> Slice:
    """Decide each row afresh and mark those that leave. An empty slice: everything was held, skipped or is no longer ours."""
    ours = lock_batches(claims)
    rows = read_rows(_UNSETTLED, [array_literal(message_ids), list(ours)])
    if not rows:
        return Slice(claims=claims)
    at = database_now()
    decisions = _decide(rows, claims[0].channel, at)
    composed = compose([row for row in rows if decisions[row.pk] is SEND])
    decisions |= composed.refused
    leaving = [row for row in rows if decisions[row.pk] is SEND]
    for row in leaving:
        row.decision, row.decision_reason, row.decision_detail, row.decided_ts = DecisionKind.SEND.value, "", "", at
    mark_in_flight(claims, [(row.batch_id, row.pk) for row in leaving if row.batch_id])
    _write_decisions([row for row in rows if decisions[row.pk] is not SEND], decisions, at)
    return Slice(claims=claims, rows=leaving, outbound=[composed.messages[row.pk] for row in leaving])


def _decide(rows: Sequence[SendingRow], channel: str, at: datetime) -> dict[UUID, Decision]:
    facts = load_facts(rows, channel=channel, at=at)
    return {row.pk: decide(facts[row.pk], purpose=Purpose(row.purpose), at=at) for row in rows}


def _write_decisions(rows: Sequence[SendingRow], decisions: Mapping[UUID, Decision], at: datetime) -> None:
    """What does not leave: held for another time, or skipped for good."""
    held: list[tuple[SendingRow, datetime]] = []
    for row in rows:
        decision = decisions[row.pk]
        row.decision = decision.kind
        row.decision_reason = decision.reason or ""
        row.decision_detail = decision.detail
        row.decided_ts = at
        if decision.kind is DecisionKind.SKIP:
            row.cost = None
            expired = decision.reason is Reason.EXPIRED  # its time ran out; nobody refused it
            row.status = MessageStatus.FAILED if expired else MessageStatus.SUPPRESSED
            row.failed_ts = at if expired else None
        elif decision.until:
            row.status = MessageStatus.SCHEDULED
            held.append((row, decision.until))
    write_rows(rows, _DECIDED)
    requeue(held)
    show_delivery([row for row in rows if decisions[row.pk].kind is DecisionKind.SKIP])
