"""Find or create the customer behind an address, race-free: unique keys and ON CONFLICT decide, never check-then-insert.

A phone number and the WhatsApp account of the same number are one person, so both are claimed through the phone's row:
two first messages at the same moment meet there, and the second waits for the first.
"""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from config.db import fetch_all
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, IdentifierKind
from customers.identity.normalise import normalise, time_zone_of, twin_kinds
from customers.models import Customer, CustomerIdentifier

_INSERT = """
INSERT INTO customer_identifiers
    (id, customer_id, identifier_type, identifier_value, verified, verified_at, source, created_at)
VALUES (%s, %s, %s, %s, false, NULL, %s, clock_timestamp())
ON CONFLICT (identifier_type, identifier_value) DO {action}
RETURNING customer_id
"""
_CLAIM = _INSERT.format(action="UPDATE SET identifier_value = EXCLUDED.identifier_value")  # waits, then names the owner
_ADD = _INSERT.format(action="NOTHING")


def identify(channel: str, value: str, name: str | None = None) -> Customer:
    """The customer who writes from `value` on `channel`; made when nobody has it yet. Raises InvalidAddress."""
    kind = IDENTIFIER_OF_CHANNEL[Channel(channel)]
    address = normalise(kind, value, region=settings.PHONE_REGION)
    try:
        return _found_or_made(kind, address, name or "")
    except IntegrityError:  # a customer with this very e-mail, and no identifier yet, was made meanwhile: he is the one
        return _found_or_made(kind, address, name or "")


def prove(customer: Customer, channel: str, value: str) -> None:
    """Mark the address as verified: a message came from it, which only its holder can send (SMS, WhatsApp)."""
    kinds = twin_kinds(IDENTIFIER_OF_CHANNEL[Channel(channel)])
    unproven = CustomerIdentifier.objects.filter(customer=customer, identifier_type__in=kinds, verified=False)
    unproven.filter(identifier_value=value).update(verified=True, verified_at=timezone.now())


def adopt_address(customer: Customer, channel: str, address: str) -> None:
    """Let the normal form `address` lead to `customer`, unless it leads to somebody already."""
    _add_twins(IDENTIFIER_OF_CHANNEL[Channel(channel)], address, customer.pk)


@transaction.atomic
def _found_or_made(kind: IdentifierKind, address: str, name: str) -> Customer:
    customer_id = _owner(kind, address) or _claim(kind, address, name)
    _add_twins(kind, address, customer_id)
    return Customer.objects.get(pk=customer_id)


def _owner(kind: IdentifierKind, address: str) -> UUID | None:
    """Whose address it is already: by the kind itself first, then by its twin."""
    for each in twin_kinds(kind):
        rows = fetch_all(
            "SELECT customer_id FROM customer_identifiers WHERE identifier_type = %s AND identifier_value = %s",
            [each, address],
        )
        if rows:
            return rows[0][0]
    if kind == IdentifierKind.EMAIL:
        rows = fetch_all("SELECT id FROM customers WHERE primary_email = %s", [address])
        return rows[0][0] if rows else None
    return _on_card(address) if IdentifierKind.PHONE in twin_kinds(kind) else None


def _on_card(phone: str) -> UUID | None:
    """The one customer whose card shows this number, though no identifier does; a number on two cards names nobody."""
    rows = fetch_all("SELECT id FROM customers WHERE phone = %s AND merged_into_id IS NULL LIMIT 2", [phone])
    return rows[0][0] if len(rows) == 1 else None


def _claim(kind: IdentifierKind, address: str, name: str) -> UUID:
    """Claim the address for a new customer; if somebody was faster, his is the customer.

    The foreign key is checked at commit, so the identifier may come before its customer, and no orphan is ever made.
    """
    new_id = uuid7()
    anchor = IdentifierKind.PHONE if kind == IdentifierKind.WHATSAPP else kind
    owner: UUID = fetch_all(_CLAIM, [uuid7(), new_id, anchor, address, "contact"])[0][0]
    if owner == new_id:
        _new_customer(new_id, anchor, address, name).save(force_insert=True)
    return owner


def _new_customer(customer_id: UUID, kind: IdentifierKind, address: str, name: str) -> Customer:
    customer = Customer(id=customer_id, name=name.strip()[:200])
    if kind == IdentifierKind.EMAIL:
        customer.primary_email = address
    elif kind == IdentifierKind.PHONE:
        customer.phone = address
        customer.time_zone = time_zone_of(address) or settings.TIME_ZONE
    return customer


def _add_twins(kind: IdentifierKind, address: str, customer_id: UUID) -> None:
    """A WhatsApp account is also a phone number; a phone number need not be a WhatsApp account."""
    for each in _kinds_to_add(kind):
        fetch_all(_ADD, [uuid7(), customer_id, each, address, "contact"])


def _kinds_to_add(kind: IdentifierKind) -> Iterable[IdentifierKind]:
    return (IdentifierKind.PHONE, kind) if kind == IdentifierKind.WHATSAPP else (kind,)
