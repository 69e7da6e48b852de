"""One slice of a claim: what may leave now is decided and written down as in flight, in one transaction, before any call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from communications.choices import DecisionKind, MessageStatus, Reason
from communications.models import MessageData
from communications.providers.base import OutboundMessage
from communications.sending.claim import Claim, mark_in_flight
from communications.sending.decide import Decision, decide
from communications.sending.facts import channel_of, load_facts
from communications.sending.log import show_delivery
from communications.sending.requeue import requeue
from config.db import now as database_now
from config.db import update_rows
from customers.choices import Purpose

_DECIDED = ("status", "decision", "decision_reason", "decision_detail", "decided_ts", "failed_ts")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What is on its way: the rows and, in the same order, what the provider gets."""

    claims: Sequence[Claim]
    rows: Sequence[MessageData]
    outbound: Sequence[OutboundMessage]


def waiting_rows(claims: Sequence[Claim]) -> list[UUID]:
    """The messages of these batches that no call was made for yet, in the order they came in."""
    rows = MessageData.objects.unsettled().filter(batch__in=[claim.batch_id for claim in claims])
    return list(rows.order_by("id").values_list("id", flat=True))


@transaction.atomic
def prepare(claims: Sequence[Claim], message_ids: Sequence[UUID]) -> Slice:
    """Decide each row afresh and mark those that leave. An empty slice: everything was held, skipped or is no longer ours."""
    rows = list(
        MessageData.objects.unsettled()
        .filter(pk__in=message_ids, batch__in=[claim.batch_id for claim in claims])
        .select_for_update(no_key=True)
        .order_by("id")
    )
    at = database_now()
    facts = load_facts(rows, channel=claims[0].channel)
    decisions = {row.pk: decide(facts[row.pk], purpose=Purpose(row.purpose), at=at) for row in rows}
    leaving = [row for row in rows if decisions[row.pk].kind is DecisionKind.SEND]
    ours = mark_in_flight(claims, [(row.batch_id, row.pk) for row in leaving if row.batch_id])
    mine = [row for row in rows if row.batch_id in ours]
    _write_decisions(mine, {row.pk: decisions[row.pk] for row in mine}, at)
    leaving = [row for row in leaving if row.batch_id in ours]
    return Slice(claims=claims, rows=leaving, outbound=[outbound(row) for row in leaving])


def outbound(row: MessageData) -> OutboundMessage:
    """What a provider needs of a row."""
    return OutboundMessage(
        reference=row.pk,
        channel=channel_of(row),
        recipient=row.recipient,
        recipient_name=row.recipient_name,
        sender=row.sender,
        text=row.content_data.get("finalMessage", ""),
        expires_at=row.expires_ts,
        created_at=row.created_ts,
    )


def _write_decisions(rows: Sequence[MessageData], decisions: dict[UUID, Decision], at: datetime) -> None:
    held: list[tuple[MessageData, datetime]] = []
    for row in rows:
        decision = decisions[row.pk]
        row.decision = decision.kind
        row.decision_reason = decision.reason or ""
        row.decision_detail = decision.detail
        row.decided_ts = at
        if decision.kind is DecisionKind.SKIP:
            expired = decision.reason is Reason.EXPIRED  # its time ran out; nobody refused it
            row.status = MessageStatus.FAILED if expired else MessageStatus.SUPPRESSED
            row.failed_ts = at if expired else None
        elif decision.kind is DecisionKind.HOLD and decision.until:
            row.status = MessageStatus.SCHEDULED
            held.append((row, decision.until))
    update_rows(rows, _DECIDED)
    requeue(held)
    show_delivery([row for row in rows if decisions[row.pk].kind is DecisionKind.SKIP])
