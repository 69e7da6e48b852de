"""What might be sent to a customer at a moment, address by address, and which word or block decided it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.db.models import Q

from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, Purpose
from customers.consent import Verdict, verdict
from customers.models import ConsentEvent, Customer, Suppression

#: Channels that messages leave on by themselves; on the others a person speaks.
_SENT_ON = (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP)
_Address: TypeAlias = tuple[str, str]  # channel and address


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`blocked_by` is a suppression that was in force: it stops both, whatever was consented to."""

    channel: Channel
    address: str
    transactional: Verdict
    marketing: Verdict
    blocked_by: Suppression | None


def standings(customer: Customer, at: datetime) -> list[Standing]:
    """His addresses today, and every other that he ever consented or objected by. Three queries."""
    addresses = _addresses(customer)
    events, blocks = _events(addresses, at), _blocks(addresses, at)
    return [
        Standing(
            channel=Channel(channel),
            address=address,
            transactional=verdict(events[channel, address], Purpose.TRANSACTIONAL),
            marketing=verdict(events[channel, address], Purpose.MARKETING),
            blocked_by=blocks.get((channel, address)),
        )
        for channel, address in addresses
    ]


def _addresses(customer: Customer) -> Sequence[_Address]:
    known = customer.identifiers.values_list("identifier_type", "identifier_value").order_by("id")
    own = [
        (channel.value, value)
        for channel in _SENT_ON
        for kind, value in known
        if kind == IDENTIFIER_OF_CHANNEL[channel]
    ]
    spoken = customer.consent_events.exclude(address="").order_by("channel", "address")
    return list(dict.fromkeys([*own, *spoken.values_list("channel", "address").distinct()]))


def _events(addresses: Iterable[_Address], at: datetime) -> dict[_Address, list[ConsentEvent]]:
    found: dict[_Address, list[ConsentEvent]] = defaultdict(list)
    rows = ConsentEvent.objects.filter(_any_of(addresses), occurred_at__lte=at)
    for event in rows.order_by("occurred_at", "created_at", "id"):
        found[event.channel, event.address].append(event)
    return found


def _blocks(addresses: Iterable[_Address], at: datetime) -> dict[_Address, Suppression]:
    in_force = Q(lifted_at__isnull=True) | Q(lifted_at__gt=at)
    rows = Suppression.objects.filter(_any_of(addresses) & in_force, created_at__lte=at).order_by("created_at")
    return {(row.channel, row.address): row for row in rows}


def _any_of(addresses: Iterable[_Address]) -> Q:
    by_channel: dict[str, list[str]] = defaultdict(list)
    for channel, address in addresses:
        by_channel[channel].append(address)
    condition = Q(pk__in=[])
    for channel, those in by_channel.items():
        condition |= Q(channel=channel, address__in=those)
    return condition
