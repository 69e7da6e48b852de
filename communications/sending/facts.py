"""What the decision must know about each message of a slice, in a fixed number of queries however many there are."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings

from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import AppointmentReminder
from communications.sending.decide import RecipientFacts
from communications.sending.quiet_hours import held_until
from communications.sending.rows import SendingRow
from customers import consent
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, IdentifierKind, Purpose
from customers.models import Appointment, Customer

CONFIRMS_OPT_OUT = "confirms_opt_out"  # a key of MessageData.metadata
_CHANNELS = {method.value: channel for method, channel in CHANNEL_OF_METHOD.items()}
# Whoever took a message on made its address normal, by the whole rules. Here a look at its shape is enough.
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MAILBOX = re.compile(r"[^\s@<>,;]{1,64}@[^\s@<>,;]{1,253}")
_SHAPES = {
    IdentifierKind.PHONE: _E164,
    IdentifierKind.WHATSAPP: _E164,
    IdentifierKind.EMAIL: _MAILBOX,
}
_ANYTHING = re.compile(r"\S.*", re.DOTALL)


class HasMethod(Protocol):
    @property
    def message_delivery_method(self) -> DeliveryMethod | str: ...


def channel_of(message: HasMethod) -> Channel:
    return _CHANNELS[message.message_delivery_method]


def load_facts(messages: Sequence[SendingRow], *, channel: str, at: datetime) -> Mapping[UUID, RecipientFacts]:
    """Facts by message at the moment `at`; all messages are of one channel.

    At most four queries: suppressions, consent, reminders, and where people live when quiet hours matter.
    """
    addresses = {message.recipient for message in messages}
    suppressed = consent.suppressions(channel, addresses)
    last_words = consent.last_words(channel, addresses)
    withdrawn = _withdrawn(messages)
    quiet = _quiet(messages, channel, at)
    kind = IDENTIFIER_OF_CHANNEL.get(Channel(channel))
    shape = _SHAPES.get(kind, _ANYTHING) if kind else _ANYTHING
    return {
        message.pk: _facts(
            message,
            words=last_words.get(message.recipient, {}),
            suppressed=suppressed.get(message.recipient, ""),
            shape=shape,
            withdrawn=message.pk in withdrawn,
            quiet_until=quiet.get(message.pk),
        )
        for message in messages
    }


def _facts(
    message: SendingRow,
    *,
    words: Mapping[str, str],
    suppressed: str,
    shape: re.Pattern[str],
    withdrawn: bool,
    quiet_until: datetime | None,
) -> RecipientFacts:
    return RecipientFacts(
        address_is_valid=shape.fullmatch(message.recipient) is not None,
        consent_allows=consent.allows(words, message.purpose),
        opted_out=not consent.allows(words, Purpose.TRANSACTIONAL),
        declined=consent.declines(words, message.purpose),
        suppressed_because=suppressed,
        scheduled_at=message.scheduled_ts,
        expires_at=message.expires_ts,
        quiet_until=quiet_until,
        withdrawn=withdrawn,
        confirms_opt_out=bool(message.metadata.get(CONFIRMS_OPT_OUT)),
    )


def _quiet(messages: Sequence[SendingRow], channel: str, at: datetime) -> Mapping[UUID, datetime | None]:
    """Until when marketing waits for each person's morning, where it waits at all."""
    if channel not in settings.QUIET_HOURS_CHANNELS:
        return {}
    marketing = [message for message in messages if message.purpose == Purpose.MARKETING]
    people = Customer.objects.filter(pk__in=[message.customer_id for message in marketing if message.customer_id])
    homes = {pk: home for pk, *home in people.values_list("pk", "time_zone", "province")} if marketing else {}
    quiet: dict[UUID, datetime | None] = {}
    for message in marketing:
        zone, province = (message.customer_id and homes.get(message.customer_id)) or ("", "")
        quiet[message.pk] = held_until(
            at,
            channel=channel,
            purpose=message.purpose,
            time_zone=zone,
            province=province,
            recipient=message.recipient,
        )
    return quiet


def _withdrawn(messages: Sequence[SendingRow]) -> set[UUID]:
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
