"""What the conversation page shows around its thread: who the customer is, what was agreed, what is allowed."""

import zoneinfo
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from customers.choices import Channel, IdentifierKind, Purpose
from customers.consent import verdict
from customers.models import Appointment, ConsentEvent, Customer, CustomerIdentifier, Suppression
from interactions.models import Conversation

_SHOWN_APPOINTMENTS = 5
_CHANNELS_OF_KIND = {
    IdentifierKind.EMAIL: (Channel.EMAIL,),
    IdentifierKind.PHONE: (Channel.SMS,),
    IdentifierKind.WHATSAPP: (Channel.WHATSAPP,),
}


@dataclass(frozen=True, kw_only=True)
class ConsentChip:
    """What may be sent to one address on one channel; `because` says which event or suppression decided."""

    channel: Channel
    address: str
    transactional: bool
    marketing: bool
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class ConsoleFacts:
    conversation: Conversation
    customer: Customer
    identifiers: list[CustomerIdentifier]
    local_time: datetime | None
    appointments: list[Appointment]
    consent: list[ConsentChip]
    earlier: list[Conversation]


def load(conversation_id: UUID) -> ConsoleFacts:
    """Everything around the thread, in six queries. Raises Conversation.DoesNotExist."""
    rows = Conversation.objects.select_related("customer", "assignee", "continues")
    conversation = rows.get(pk=conversation_id)
    customer = conversation.customer
    identifiers = list(customer.identifiers.order_by("-verified", "id"))
    return ConsoleFacts(
        conversation=conversation,
        customer=customer,
        identifiers=identifiers,
        local_time=_local_time(customer),
        appointments=_appointments(customer),
        consent=_consent(identifiers),
        earlier=_earlier(conversation),
    )


def _local_time(customer: Customer) -> datetime | None:
    """The customer's clock, or None where his zone is not known to this machine."""
    try:
        return timezone.now().astimezone(zoneinfo.ZoneInfo(customer.time_zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def _appointments(customer: Customer) -> list[Appointment]:
    rows = customer.appointments.select_related("employee")
    return list(rows.order_by("-starts_at")[:_SHOWN_APPOINTMENTS])


def _earlier(conversation: Conversation) -> list[Conversation]:
    rows = Conversation.objects.filter(customer=conversation.customer_id).exclude(pk=conversation.pk)
    return list(rows.order_by("-last_activity_at")[:5])


def _consent(identifiers: Iterable[CustomerIdentifier]) -> list[ConsentChip]:
    lines = [
        (channel, identifier.identifier_value)
        for identifier in identifiers
        for channel in _CHANNELS_OF_KIND.get(IdentifierKind(identifier.identifier_type), ())
    ]
    channels, addresses = {line[0] for line in lines}, {line[1] for line in lines}
    about = {"channel__in": channels, "address__in": addresses}
    events: dict[tuple[str, str], list[ConsentEvent]] = defaultdict(list)
    for event in ConsentEvent.objects.filter(**about).order_by("occurred_at", "created_at", "id"):
        events[event.channel, event.address].append(event)
    suppressed = {(row.channel, row.address): row for row in Suppression.objects.in_force().filter(**about)}
    return [
        _chip(channel, address, events[channel, address], suppressed.get((channel, address)))
        for channel, address in lines
    ]


def _chip(channel: Channel, address: str, events: list[ConsentEvent], suppressed: Suppression | None) -> ConsentChip:
    transactional, marketing = verdict(events, Purpose.TRANSACTIONAL), verdict(events, Purpose.MARKETING)
    decisive = transactional.because or marketing.because or next(reversed(events), None)
    because = suppressed.get_reason_display() if suppressed else _told(decisive)
    return ConsentChip(
        channel=channel,
        address=address,
        transactional=transactional.allowed and not suppressed,
        marketing=marketing.allowed and not suppressed,
        because=because,
    )


def _told(event: ConsentEvent | None) -> str:
    if event is None:
        return "Nothing was said yet"
    return f"{event.get_status_display()}, {event.get_source_display().lower()}, {event.occurred_at:%Y-%m-%d}"
