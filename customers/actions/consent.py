"""Opting in and out. The ledger is written first; a suppression follows from it and is lifted by it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from config.accounts.models import User
from config.db import fetch_all
from config.db import now as database_now
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus, SuppressionReason
from customers.models import ConsentEvent, Customer, Suppression


@dataclass(frozen=True, kw_only=True)
class ConsentStatement:
    """Somebody said yes or no for an address. `reference` names the cause (a message's id): the same cause counts once."""

    channel: str
    address: str
    status: ConsentStatus
    purpose: ConsentPurpose
    source: ConsentSource
    customer: Customer | None = None
    wording: str = ""
    reference: str = ""
    ip_address: str | None = None
    occurred_at: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def record_consent(statement: ConsentStatement, *, by: User | None = None) -> ConsentEvent | None:
    """Write the ledger, and suppress or release the address where everything is meant. None when the cause is known already."""
    event = _append(statement, by)
    if event is None:
        return None
    if statement.purpose == ConsentPurpose.ALL and _is_last_word(event):
        (_suppress if statement.status == ConsentStatus.OPT_OUT else _release)(statement, by)
    return event


def known_consent(statement: ConsentStatement) -> ConsentEvent | None:
    """The event that the same cause made."""
    same = {name: getattr(statement, name) for name in ("channel", "address", "status", "purpose", "reference")}
    return ConsentEvent.objects.filter(**same).first() if statement.reference else None


def _append(statement: ConsentStatement, by: User | None) -> ConsentEvent | None:
    # One writer an address at a time: what follows from the last word must follow from the last word written.
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{statement.channel}:{statement.address}"])
    known = ConsentEvent.objects.filter(
        channel=statement.channel,
        address=statement.address,
        status=statement.status,
        purpose=statement.purpose,
        reference=statement.reference,
    )
    if statement.reference and known.exists():
        return None
    event = _event(statement, by)
    event.save(force_insert=True)
    return event


def _is_last_word(event: ConsentEvent) -> bool:
    """Whether nothing newer was said: an old word that is learnt late (an import) overturns no suppression."""
    said = ConsentEvent.objects.filter(channel=event.channel, address=event.address, purpose=event.purpose)
    return not said.filter(occurred_at__gt=event.occurred_at).exists()


def _event(statement: ConsentStatement, by: User | None) -> ConsentEvent:
    return ConsentEvent(
        customer=statement.customer,
        channel=statement.channel,
        address=statement.address,
        status=statement.status,
        purpose=statement.purpose,
        source=statement.source,
        wording=statement.wording,
        reference=statement.reference,
        ip_address=statement.ip_address,
        evidence=statement.evidence,
        actor=by,
        occurred_at=statement.occurred_at or database_now(),  # the clock that the ledger is read by
    )


def _suppress(statement: ConsentStatement, _by: User | None) -> None:
    Suppression.objects.bulk_create(
        [
            Suppression(
                customer=statement.customer,
                channel=statement.channel,
                address=statement.address,
                reason=SuppressionReason.STOP,
                detail=statement.wording,
            )
        ],
        ignore_conflicts=True,
    )


def _release(statement: ConsentStatement, by: User | None) -> None:
    """Lifts what STOP did; a hard bounce or a complaint stays."""
    Suppression.objects.in_force().filter(
        channel=statement.channel, address=statement.address, reason=SuppressionReason.STOP
    ).update(lifted_at=database_now(), lifted_by=by, lifted_because=statement.wording or statement.source)
