"""What the decision must know about each message of a slice, in a fixed number of queries however many there are."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.conf import settings

from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import AppointmentReminder, MessageData
from communications.sending.decide import RecipientFacts
from customers import consent
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, Purpose
from customers.identity.normalise import InvalidAddress, normalise
from customers.models import Appointment

CONFIRMS_OPT_OUT = "confirms_opt_out"  # a key of MessageData.metadata


def channel_of(message: MessageData) -> Channel:
    return CHANNEL_OF_METHOD[DeliveryMethod(message.message_delivery_method)]


def load_facts(messages: Sequence[MessageData], *, channel: str) -> Mapping[UUID, RecipientFacts]:
    """Facts by message; all messages are of one channel. Three queries: suppressions, consent, reminders."""
    addresses = {message.recipient for message in messages}
    suppressed = consent.suppressions(channel, addresses)
    ledger = consent.ledger(channel, addresses)
    withdrawn = _withdrawn(messages)
    return {
        message.pk: RecipientFacts(
            address_is_valid=_is_valid(channel, message.recipient),
            consent_allows=consent.verdict(ledger[message.recipient], message.purpose).allowed,
            opted_out=not consent.verdict(ledger[message.recipient], Purpose.TRANSACTIONAL).allowed,
            suppressed_because=str(suppressed[message.recipient].reason) if message.recipient in suppressed else "",
            scheduled_at=message.scheduled_ts,
            expires_at=message.expires_ts,
            withdrawn=message.pk in withdrawn,
            confirms_opt_out=bool(message.metadata.get(CONFIRMS_OPT_OUT)),
        )
        for message in messages
    }


def _withdrawn(messages: Sequence[MessageData]) -> set[UUID]:
    """Reminders of appointments that were moved, answered, cancelled or are over: what they say is no longer true."""
    bound = [message.pk for message in messages if message.appointment_id]
    if not bound:
        return set()
    reminders = AppointmentReminder.objects.filter(message_data__in=bound).select_related("appointment")
    return {
        reminder.message_data_id
        for reminder in reminders
        if reminder.state != AppointmentReminder.State.PLANNED
        or reminder.revision != reminder.appointment.revision
        or reminder.appointment.status != Appointment.Status.SCHEDULED
    }


def _is_valid(channel: str, address: str) -> bool:
    kind = IDENTIFIER_OF_CHANNEL.get(Channel(channel))
    if kind is None:
        return bool(address)
    try:
        return normalise(kind, address, region=settings.PHONE_REGION) == address
    except InvalidAddress:
        return False
