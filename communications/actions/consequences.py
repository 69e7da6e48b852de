"""What follows from an event for the address it speaks of, beside the message's own state.

A hard bounce or a complaint suppresses the address on its channel; a complaint and an unsubscription are an opt-out of
marketing besides, in the provider's name (our own unsubscribe page has written its own). Each event counts once, however
often it is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from communications.choices import EventKind
from communications.providers.base import DeliveryReceipt
from communications.sending.evidence import MessageRow
from config.db import now as database_now
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus, SuppressionReason
from customers.models import ConsentEvent, Suppression

_SUPPRESSES = {
    EventKind.BOUNCED: SuppressionReason.HARD_BOUNCE,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINT,
}
_OPTS_OUT = {
    EventKind.COMPLAINED: ConsentSource.COMPLAINT,
    EventKind.UNSUBSCRIBED: ConsentSource.CARRIER,
}


def draw_consequences(receipts: Sequence[DeliveryReceipt], rows: Mapping[UUID, MessageRow]) -> None:
    """Of receipts that were new. Two statements at the most, and one for the time; the caller's transaction holds all."""
    grave = [receipt for receipt in receipts if receipt.kind in _SUPPRESSES or receipt.kind in _OPTS_OUT]
    if not grave:
        return
    grave.sort(key=lambda receipt: rows[receipt.reference].recipient)  # two who suppress the same wait in line
    at = database_now()
    suppressions = [_suppression(r, rows[r.reference]) for r in grave if r.kind in _SUPPRESSES]
    opt_outs = [_opt_out(r, rows[r.reference], at) for r in grave if r.kind in _OPTS_OUT and not r.consent_known]
    Suppression.objects.bulk_create(suppressions, ignore_conflicts=True)
    ConsentEvent.objects.bulk_create(opt_outs, ignore_conflicts=True)


def _suppression(receipt: DeliveryReceipt, row: MessageRow) -> Suppression:
    return Suppression(
        customer_id=row.customer_id,
        channel=row.channel,
        address=row.recipient,
        reason=_SUPPRESSES[receipt.kind],
        detail=receipt.reason,
    )


def _opt_out(receipt: DeliveryReceipt, row: MessageRow, at: datetime) -> ConsentEvent:
    """At the provider's time, by which a later consent overrules it; a clock that is ahead does not put it off."""
    return ConsentEvent(
        customer_id=row.customer_id,
        channel=row.channel,
        address=row.recipient,
        status=ConsentStatus.OPT_OUT,
        purpose=ConsentPurpose.MARKETING,
        source=_OPTS_OUT[receipt.kind],
        ip_address=receipt.ip_address,
        reference=f"{receipt.provider}:{receipt.event_id}",
        evidence={"event": receipt.kind.value, "message": str(receipt.reference)},
        occurred_at=min(receipt.occurred_at or receipt.received_at or at, at),
    )
