"""Making and changing a customer, with the addresses that lead to him: each leads to one customer alone."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from psycopg.errors import UniqueViolation

from config.refusals import Refused
from customers.choices import IdentifierKind
from customers.models import Customer, CustomerIdentifier

Address = tuple[str, str]


def make_customer(values: Mapping[str, Any], *, addresses: Iterable[Address] = (), source: str = "") -> Customer:
    """A new one; `addresses` (kind and normal value), his e-mail and his phone lead to him.

    Raises Refused where an address or an external id is somebody else's.
    """
    customer = Customer(**values)
    with _nobody_elses():
        customer.save(force_insert=True)
        _claim(customer, [*addresses, *_shown(values)], source)
    return customer


def change_customer(
    customer: Customer, changes: Mapping[str, Any], *, addresses: Iterable[Address] = (), source: str = ""
) -> Customer:
    """Write `changes` and nothing else to what stands now; addresses that are new lead to him too, none is taken away.

    Raises Refused as `make_customer` does, and where he was merged into another, who is the one to change.
    """
    with _nobody_elses():
        current = Customer.objects.locked(customer.pk)
        if current.merged_into_id:
            sentence = f"This customer was merged into {current.merged_into_id}."
            raise Refused("merged", sentence, is_conflict=True)
        for name, value in changes.items():
            setattr(current, name, value)
        current.save(update_fields=[*changes, "updated_at"])
        _claim(current, [*addresses, *_shown(changes)], source)
    return current


@contextmanager
def _nobody_elses() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise  # nobody else's: the value itself cannot be stored
        raise _taken("Another customer has this e-mail address or external id.") from error


def _shown(values: Mapping[str, Any]) -> list[Address]:
    """The addresses that his card is to show."""
    shown = ((IdentifierKind.EMAIL, "primary_email"), (IdentifierKind.PHONE, "phone"))
    return [(kind.value, values[name]) for kind, name in shown if values.get(name)]


def _claim(customer: Customer, wanted: Iterable[Address], source: str) -> None:
    wanted = sorted(set(wanted))
    rows = [
        CustomerIdentifier(customer=customer, identifier_type=kind, identifier_value=value, source=source)
        for kind, value in wanted
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
