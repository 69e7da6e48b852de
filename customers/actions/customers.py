"""Making and changing a customer, with the addresses that lead to him: each leads to one customer alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from config.refusals import Refused
from customers.choices import IdentifierKind
from customers.models import Customer, CustomerIdentifier

Address = tuple[str, str]


def write_customer(
    customer: Customer, changes: Mapping[str, Any], *, addresses: Iterable[Address] = (), source: str = ""
) -> Customer:
    """Store `changes`, and let `addresses` (kind and normal value), his e-mail and his phone lead to him.

    Raises Refused where an address or an external id is somebody else's. No address is taken away.
    """
    for name, value in changes.items():
        setattr(customer, name, value)
    shown = [(IdentifierKind.EMAIL, customer.primary_email), (IdentifierKind.PHONE, customer.phone)]
    wanted = dict.fromkeys([*addresses, *((kind.value, value) for kind, value in shown if value)])
    try:
        with transaction.atomic():
            customer.save()
            _claim(customer, list(wanted), source)
    except IntegrityError as taken:
        raise _taken("Another customer has this e-mail address or external id.") from taken
    return customer


def _claim(customer: Customer, wanted: list[Address], source: str) -> None:
    rows = [
        CustomerIdentifier(customer=customer, identifier_type=kind, identifier_value=value, source=source)
        for kind, value in sorted(wanted)
    ]
    CustomerIdentifier.objects.bulk_create(rows, ignore_conflicts=True)
    pairs = Q(pk__in=[])
    for kind, value in wanted:
        pairs |= Q(identifier_type=kind, identifier_value=value)
    others = CustomerIdentifier.objects.filter(pairs).exclude(customer=customer)
    if (first := others.first()) is not None:
        raise _taken(f"{first.identifier_value} leads to another customer ({first.customer_id}).")


def _taken(sentence: str) -> Refused:
    return Refused("address_taken", sentence, is_conflict=True)
