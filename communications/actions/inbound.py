"""Receiving: the orchestrator alone knows the order; each floor is asked once."""

from django.conf import settings
from django.db import transaction

from communications.actions.messages import reply_to_conversation
from communications.actions.reminders import answer_reminder, awaiting_answer
from communications.exceptions import SendRefused
from communications.inbound.keywords import Classified, Keyword, classify, reply_text
from communications.models import AppointmentReminder
from communications.sending.facts import CONFIRMS_OPT_OUT
from customers.actions.appointments import cancel_appointment, confirm_appointment
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import Channel, ConsentPurpose, ConsentSource, ConsentStatus
from customers.identity.identify import identify, prove
from customers.identity.normalise import normalise
from customers.models import Customer
from interactions.actions.conversations import place_message
from interactions.actions.events import record_event
from interactions.actions.facts import InboundMessage
from interactions.actions.record import find_recorded, record_inbound
from interactions.choices import EventType
from interactions.models import Message

_PROVING = (Channel.SMS, Channel.WHATSAPP)  # only its holder can write from such an address


@transaction.atomic
def receive(inbound: InboundMessage) -> Message:
    """One message from outside, in one transaction: dedup, identify, place, record, keywords. A repeat changes nothing.

    Raises InvalidAddress for a sender that is no address. Lock order: customer, conversation, message.
    """
    repeated = find_recorded(inbound)
    if repeated:
        return repeated
    customer = Customer.objects.locked(identify(inbound.channel, inbound.sender, inbound.sender_name).pk)
    repeated = find_recorded(inbound)  # whoever held the lock may have recorded it
    if repeated:
        return repeated
    placed = place_message(customer, channel=inbound.channel, thread_message_ids=inbound.thread_message_ids)
    message, is_new = record_inbound(
        inbound, customer=customer, conversation=placed.conversation, joined_because=placed.reason
    )
    if is_new and inbound.channel in _PROVING:
        prove(customer, inbound.channel, _address(inbound))
    if is_new and not inbound.written_by_machine:
        _obey_keywords(inbound, customer, message)
    return message


def _obey_keywords(inbound: InboundMessage, customer: Customer, message: Message) -> None:
    if inbound.channel not in _PROVING:
        return
    reminder = awaiting_answer(customer)
    said = classify(
        inbound.content,
        language=customer.language,
        opt_out_type=inbound.opt_out_type,
        awaiting_confirmation=reminder is not None,
    )
    _write_consent(said, inbound, customer, message)
    if said.keyword is None:
        return
    record_event(message, EventType.KEYWORD_RECOGNISED, keyword=said.keyword.value)
    if reminder and said.keyword in (Keyword.CONFIRM, Keyword.CANCEL):
        _answer(reminder, said.keyword, customer, message)
    elif not _carrier_answers(said, inbound):
        _reply(message, said, reply_text(said.keyword, customer.language, settings.BRAND_NAME))


def _write_consent(said: Classified, inbound: InboundMessage, customer: Customer, message: Message) -> None:
    if not (said.opted_out or said.opted_in):
        return
    record_consent(
        ConsentStatement(
            customer=customer,
            channel=inbound.channel,
            address=_address(inbound),
            status=ConsentStatus.OPT_OUT if said.opted_out else ConsentStatus.OPT_IN,
            purpose=ConsentPurpose.ALL,
            source=ConsentSource.CARRIER if said.carrier_replied else ConsentSource.KEYWORD,
            wording=inbound.content,
            reference=f"message:{message.pk}",
            evidence={"opt_out_type": inbound.opt_out_type} if inbound.opt_out_type else {},
        )
    )


def _answer(reminder: AppointmentReminder, keyword: Keyword, customer: Customer, message: Message) -> None:
    """CONFIRM and CANCEL change the appointment they answer, once, and are answered."""
    appointment = reminder.appointment
    confirmed = keyword is Keyword.CONFIRM
    changed = (
        confirm_appointment(appointment)
        if confirmed
        else cancel_appointment(appointment, reason="The customer answered CANCEL.")
    )
    if not changed or not answer_reminder(reminder, answer=keyword.value):
        return
    kind = EventType.APPOINTMENT_CONFIRMED if confirmed else EventType.APPOINTMENT_CANCELLED
    record_event(message, kind, appointment=str(appointment.pk), service_type=appointment.service_type)
    text = reply_text(keyword, customer.language, settings.BRAND_NAME)
    _reply(message, Classified(keyword=keyword), text)


def _reply(message: Message, said: Classified, text: str) -> None:
    """The system's own word. That it cannot be sent must not undo what was received."""
    metadata = {CONFIRMS_OPT_OUT: True} if said.opted_out else {}
    try:
        reply_to_conversation(message.conversation, text=text, metadata=metadata)
    except SendRefused as refusal:
        record_event(message, EventType.ERROR, code=refusal.code, detail=refusal.detail)


def _carrier_answers(said: Classified, inbound: InboundMessage) -> bool:
    """Exactly the words that the carrier knows are answered by the carrier; two answers would be one too many."""
    word = inbound.content.strip().upper()
    return said.carrier_replied or (inbound.channel == Channel.SMS and word in settings.CARRIER_WORDS)


def _address(inbound: InboundMessage) -> str:
    kind = "whatsapp" if inbound.channel == Channel.WHATSAPP else "phone"
    return normalise(kind, inbound.sender, region=settings.PHONE_REGION)
