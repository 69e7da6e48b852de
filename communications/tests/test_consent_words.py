"""What a customer's one word does to his consent, end to end: STOP, START, HELP, and what the carrier answers itself."""

import pytest
from django.conf import LazySettings

from communications.actions.inbound import receive
from communications.actions.messages import MessageRequest, send_message
from communications.models import AppointmentReminder, MessageData, MessageSchemaVersion
from communications.tests.inbox import JOHN, sms, whatsapp
from communications.tests.words import due, events, may, reminder, replies, visit
from customers.choices import ConsentSource, Purpose
from customers.models import Appointment, ConsentEvent, Customer
from customers.tests.factories import CustomerIdentifierFactory
from interactions.choices import EventType
from interactions.models import CommunicationEvent

__all__ = ["reminder", "visit"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["STOP", " stop ", "Unsubscribe", "STOPALL"])
def test_stop_opts_the_address_out_and_the_carrier_answers(john: Customer, text: str) -> None:
    message = receive(sms(text))

    event = ConsentEvent.objects.get()
    assert (event.channel, event.address, event.status, event.purpose) == ("sms", JOHN, "opt_out", "all")
    assert (event.customer, event.source, event.wording) == (john, ConsentSource.KEYWORD, text)
    assert event.reference == f"message:{message.pk}"
    assert not may(Purpose.TRANSACTIONAL) and not may(Purpose.MARKETING)
    assert may(Purpose.TRANSACTIONAL, channel="whatsapp")
    assert (events(), replies()) == ([EventType.KEYWORD_RECOGNISED], [])


@pytest.mark.django_db
def test_a_second_stop_is_written_down_and_changes_nothing(john: Customer) -> None:
    receive(sms("STOP", sid="SM1"))
    receive(sms("STOP", sid="SM2"))

    assert ConsentEvent.objects.count() == 2
    assert not may(Purpose.TRANSACTIONAL)


@pytest.mark.django_db
def test_by_whatsapp_nobody_answers_stop_but_we(john: Customer) -> None:
    receive(whatsapp("STOP"))

    assert len(replies()) == 1 and replies()[0].startswith("Huron Home: You are unsubscribed")
    assert not may(Purpose.TRANSACTIONAL, channel="whatsapp")


@pytest.mark.django_db
def test_the_confirmation_of_a_stop_passes_it_and_nothing_else_does(
    settings: LazySettings, john: Customer, reminder_version: MessageSchemaVersion, visit: Appointment
) -> None:
    settings.CARRIER_WORDS = []
    schema = reminder_version.message_schema
    notice = send_message(MessageRequest(schema=schema, customer=john, appointment=visit))
    offer = send_message(MessageRequest(schema=schema, customer=john, appointment=visit, purpose=Purpose.MARKETING))

    receive(sms("STOP"))
    (confirmation,) = replies()

    leaving = [message.text for purpose in Purpose for message in due(purpose)]
    assert leaving == [confirmation]
    for row in (notice, offer):
        row.refresh_from_db()
        assert (row.status, row.decision_reason) == ("suppressed", "opted_out")


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["START", "unstop", "YES", "Yes!"])
def test_start_gives_back_what_stop_took_and_no_offers(john: Customer, text: str) -> None:
    receive(sms("STOP"))

    receive(sms(text))

    assert may(Purpose.TRANSACTIONAL) and not may(Purpose.MARKETING)
    assert events() == [EventType.KEYWORD_RECOGNISED] * 2


@pytest.mark.django_db
def test_help_is_answered_and_touches_no_consent(settings: LazySettings, john: Customer) -> None:
    settings.CARRIER_WORDS = []

    receive(sms("HELP"))

    assert "A person reads your reply" in replies()[0]
    assert not ConsentEvent.objects.exists()


@pytest.mark.django_db
def test_a_word_within_a_sentence_is_conversation(john: Customer, reminder: AppointmentReminder) -> None:
    receive(sms("Please cancel the other one, and stop by at noon"))

    assert not ConsentEvent.objects.exists() and not events()
    assert Appointment.objects.get().status == "scheduled"


@pytest.mark.django_db
def test_cancel_without_a_reminder_is_the_carriers_word(john: Customer, visit: Appointment) -> None:
    receive(sms("CANCEL"))

    assert not may(Purpose.TRANSACTIONAL)
    assert Appointment.objects.get().status == "scheduled"


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "status"), [("STOP", "opt_out"), ("START", "opt_in"), ("HELP", None)])
def test_what_the_carrier_did_is_believed_and_not_answered(
    settings: LazySettings, john: Customer, kind: str, status: str | None
) -> None:
    settings.CARRIER_WORDS = []

    receive(sms("whatever he wrote", opt_out_type=kind))

    assert list(ConsentEvent.objects.values_list("status", flat=True)) == ([status] if status else [])
    assert replies() == []


@pytest.mark.django_db
def test_a_reply_goes_back_to_where_the_customer_wrote_from(settings: LazySettings, john: Customer) -> None:
    settings.CARRIER_WORDS = []
    second = "+14165557777"
    CustomerIdentifierFactory(customer=john, identifier_type="phone", identifier_value=second)

    receive(sms("HELP", sender=second))

    assert MessageData.objects.get().recipient == second


@pytest.mark.django_db
def test_that_nobody_can_answer_does_not_undo_what_was_received(
    monkeypatch: pytest.MonkeyPatch, john: Customer
) -> None:
    monkeypatch.setattr("communications.providers.registry._DEFAULT", {})

    receive(whatsapp("STOP"))

    assert not may(Purpose.TRANSACTIONAL, channel="whatsapp")
    assert events() == [EventType.KEYWORD_RECOGNISED, EventType.ERROR]
    assert CommunicationEvent.objects.get(event_type=EventType.ERROR).details["code"] == "method_not_supported"


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["stop.", "CANCEL", "YES", "HELP"])
def test_what_the_carrier_does_not_take_for_a_command_is_answered_by_us(john: Customer, text: str) -> None:
    receive(sms(text))

    assert len(replies()) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["STOP", " unstop "])
def test_what_the_carrier_answers_is_not_answered_again(john: Customer, text: str) -> None:
    receive(sms(text))

    assert replies() == []
