"""Find or create the customers behind addresses, race-free: unique keys and ON CONFLICT decide, never check-then-insert.

A phone number and the WhatsApp account of the same number are one person, so both are claimed through the phone's row:
two first messages at the same moment meet there, and the second waits for the first. However many addresses are asked
for, it costs the same few statements; they are claimed in their order, so two callers never wait for each other in a ring.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from config.db import array_literal, copy_rows, fetch_all
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, IdentifierKind
from customers.identity.normalise import normalise, time_zone_of, twin_kinds
from customers.models import Customer, CustomerIdentifier

_INSERT = """
INSERT INTO customer_identifiers
    (id, customer_id, identifier_type, identifier_value, verified, verified_at, source, created_at)
SELECT v.id, v.customer, v.kind, v.value, false, NULL, 'contact', clock_timestamp()
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS v(id, customer, kind, value)
ORDER BY v.value, v.kind
ON CONFLICT (identifier_type, identifier_value) DO {action}
RETURNING identifier_value, customer_id
"""
_CLAIM = _INSERT.format(action="UPDATE SET identifier_value = EXCLUDED.identifier_value")  # waits, then names the owner
_ADD = _INSERT.format(action="NOTHING")


def identify(channel: str, value: str, name: str | None = None) -> Customer:
    """The customer who writes from `value` on `channel`; made when nobody has it yet. Raises InvalidAddress."""
    address = normalise(IDENTIFIER_OF_CHANNEL[Channel(channel)], value, region=settings.PHONE_REGION)
    return identify_many(channel, {address: name or ""})[address]


def identify_many(channel: str, people: Mapping[str, str]) -> dict[str, Customer]:
    """The customers behind normal addresses, by address; `people` gives a name (or none) to whom is made."""
    kind = IDENTIFIER_OF_CHANNEL[Channel(channel)]
    try:
        return _found_or_made(kind, people)
    except (
        IntegrityError
    ):  # a customer with one of these e-mails, and no identifier yet, was made meanwhile: he is the one
        return _found_or_made(kind, people)


def prove(customer: Customer, channel: str, value: str) -> None:
    """Mark the address as verified: a message came from it, which only its holder can send (SMS, WhatsApp)."""
    kinds = twin_kinds(IDENTIFIER_OF_CHANNEL[Channel(channel)])
    unproven = CustomerIdentifier.objects.filter(customer=customer, identifier_type__in=kinds, verified=False)
    unproven.filter(identifier_value=value).update(verified=True, verified_at=timezone.now())


def adopt_addresses(channel: str, owners: Mapping[str, UUID]) -> None:
    """Let each normal address lead to its customer, unless it leads to somebody already."""
    _add_twins(IDENTIFIER_OF_CHANNEL[Channel(channel)], owners)


@transaction.atomic
def _found_or_made(kind: IdentifierKind, people: Mapping[str, str]) -> dict[str, Customer]:
    owners = _owners(kind, people)
    strangers = {address: name for address, name in people.items() if address not in owners}
    owners |= _claim(kind, strangers)
    _add_twins(kind, owners)
    customers = Customer.objects.in_bulk(set(owners.values()))
    return {address: customers[owner] for address, owner in owners.items()}


def _owners(kind: IdentifierKind, addresses: Iterable[str]) -> dict[str, UUID]:
    """Whose each address is already: by the kind itself first, then by its twin, then by the card that shows it."""
    wanted = set(addresses)
    kinds = twin_kinds(kind)
    rows = fetch_all(
        """
        SELECT identifier_type, identifier_value, customer_id FROM customer_identifiers
        WHERE identifier_type = ANY(%s::text[]) AND identifier_value = ANY(%s::text[])
        """,
        [array_literal(kinds), array_literal(wanted)],
    )
    rows.sort(key=lambda row: kinds.index(row[0]), reverse=True)  # the kind itself has the last word
    owners: dict[str, UUID] = {value: owner for _, value, owner in rows}
    return owners | _on_cards(kind, wanted - owners.keys())


def _on_cards(kind: IdentifierKind, addresses: set[str]) -> dict[str, UUID]:
    """The one customer whose card shows an address, though no identifier does; a number on two cards names nobody."""
    column = {IdentifierKind.EMAIL: "primary_email", IdentifierKind.PHONE: "phone", IdentifierKind.WHATSAPP: "phone"}
    if not addresses or kind not in column:
        return {}
    unmerged = "" if kind == IdentifierKind.EMAIL else "AND merged_into_id IS NULL"
    rows = fetch_all(
        f"SELECT {column[kind]}, id FROM customers WHERE {column[kind]} = ANY(%s::text[]) {unmerged}",
        [array_literal(addresses)],
    )
    found: dict[str, list[UUID]] = defaultdict(list)
    for address, customer_id in rows:
        found[address].append(customer_id)
    return {address: ids[0] for address, ids in found.items() if len(ids) == 1}


def _claim(kind: IdentifierKind, people: Mapping[str, str]) -> dict[str, UUID]:
    """Claim addresses for new customers; where somebody was faster, his is the customer.

    The foreign key is checked at commit, so an identifier may come before its customer, and no orphan is ever made.
    """
    anchor = IdentifierKind.PHONE if kind == IdentifierKind.WHATSAPP else kind
    new = {address: uuid7() for address in people}
    owners = _insert(_CLAIM, [(owner, anchor, address) for address, owner in new.items()])
    ours = [address for address, owner in owners.items() if owner == new[address]]
    copy_rows([_new_customer(owners[address], anchor, address, people[address]) for address in ours])
    return owners


def _new_customer(customer_id: UUID, kind: IdentifierKind, address: str, name: str) -> Customer:
    customer = Customer(id=customer_id, name=name.strip()[:200])
    if kind == IdentifierKind.EMAIL:
        customer.primary_email = address
    elif kind == IdentifierKind.PHONE:
        customer.phone = address
        customer.time_zone = time_zone_of(address) or settings.TIME_ZONE
    return customer


def _add_twins(kind: IdentifierKind, owners: Mapping[str, UUID]) -> None:
    """A WhatsApp account is also a phone number; a phone number need not be a WhatsApp account."""
    kinds = (IdentifierKind.PHONE, kind) if kind == IdentifierKind.WHATSAPP else (kind,)
    _insert(_ADD, [(owner, each, address) for address, owner in owners.items() for each in kinds])


def _insert(statement: str, rows: list[tuple[UUID, IdentifierKind, str]]) -> dict[str, UUID]:
    if not rows:
        return {}
    keys = [uuid7() for _ in rows]
    return dict(fetch_all(statement, [array_literal(column) for column in (keys, *zip(*rows, strict=True))]))
