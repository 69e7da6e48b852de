"""What a customer's one word does to his appointment, end to end: CONFIRM and CANCEL, and whose word they are."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from communications.actions.inbound import receive
from communications.actions.messages import MessageRequest, send_message
from communications.actions.reminders import withdraw_stale_reminders
from communications.choices import MessageStatus
from communications.models import AppointmentReminder, MessageData, MessageSchemaVersion
from communications.tests.factories import AppointmentReminderFactory, MessageDataFactory
from communications.tests.inbox import JOHN, sent_to, sms, whatsapp
from communications.tests.words import due, events, may, reminder, replies, visit
from customers.actions.appointments import confirm_appointment, move_appointment
from customers.choices import Purpose
from customers.consent import allowed
from customers.models import Appointment, ConsentEvent, Customer
from customers.tests.database import at_once
from customers.tests.factories import AppointmentFactory, CustomerFactory, CustomerIdentifierFactory
from interactions.actions.record import record_outbound_many
from interactions.choices import EventType
from interactions.models import Interaction

__all__ = ["reminder", "visit"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["CONFIRM", "c", "Yes", "y", "Confirmed."])
def test_a_reminder_is_confirmed_by_one_word_and_answered(
    john: Customer, visit: Appointment, reminder: AppointmentReminder, text: str
) -> None:
    receive(sms(text))

    visit.refresh_from_db()
    reminder.refresh_from_db()
    assert visit.status == "confirmed" and visit.confirmed_at
    assert (reminder.state, reminder.answer) == ("answered", "confirm")
    assert replies() == ["Huron Home: Thank you, your appointment is confirmed."]
    assert events() == [EventType.KEYWORD_RECOGNISED, EventType.APPOINTMENT_CONFIRMED]
    assert not ConsentEvent.objects.exists()


@pytest.mark.django_db
def test_a_reminder_is_answered_by_whatsapp_as_well(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    receive(whatsapp("CONFIRM"))

    visit.refresh_from_db()
    assert visit.status == "confirmed"


@pytest.mark.django_db
def test_a_reminder_is_cancelled_by_one_word_which_is_no_stop(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    receive(sms("CANCEL"))

    visit.refresh_from_db()
    reminder.refresh_from_db()
    assert (visit.status, visit.cancellation_reason) == ("cancelled", "The customer answered CANCEL.")
    assert (reminder.state, reminder.answer) == ("answered", "cancel")
    assert replies() == ["Huron Home: Your appointment is cancelled. Reply to this message to book another."]
    assert may(Purpose.TRANSACTIONAL) and not ConsentEvent.objects.exists()


@pytest.mark.django_db
def test_when_the_carrier_heard_stop_in_cancel_both_are_true(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    receive(sms("CANCEL", opt_out_type="STOP"))

    visit.refresh_from_db()
    assert visit.status == "cancelled"
    event = ConsentEvent.objects.get()
    assert (event.status, event.source, event.evidence) == ("opt_out", "carrier", {"opt_out_type": "STOP"})
    assert not may(Purpose.TRANSACTIONAL)
    assert due(Purpose.TRANSACTIONAL) == []  # what we would answer does not pass the opt-out


@pytest.mark.django_db
def test_a_second_confirm_changes_nothing(john: Customer, visit: Appointment, reminder: AppointmentReminder) -> None:
    receive(sms("CONFIRM", sid="SM1"))
    receive(sms("CONFIRM", sid="SM2"))

    assert len(replies()) == 1
    assert events().count(EventType.APPOINTMENT_CONFIRMED) == 1


@pytest.mark.django_db(transaction=True)
def test_two_confirms_at_once_are_answered_once() -> None:
    john = CustomerFactory(phone=JOHN)
    CustomerIdentifierFactory(customer=john, identifier_type="phone", identifier_value=JOHN)
    visit = AppointmentFactory(customer=john, starts_at=datetime.now(UTC) + timedelta(days=1))
    sent = MessageDataFactory(customer=john, status=MessageStatus.SENT, sent_ts=datetime.now(UTC))
    AppointmentReminderFactory(appointment=visit, message_data=sent)

    at_once(*(partial(receive, sms("CONFIRM", sid=sid)) for sid in ("SM1", "SM2")))

    assert len(replies()) == 1


@pytest.mark.django_db
def test_a_confirm_that_comes_after_the_appointment_moved_is_an_ordinary_message(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    move_appointment(visit, starts_at=visit.starts_at + timedelta(hours=2))

    receive(sms("CONFIRM"))

    visit.refresh_from_db()
    assert visit.status == "scheduled"
    assert (events(), replies()) == ([], [])


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["pending", "scheduled", "failed", "suppressed"])
def test_who_was_not_asked_cannot_answer(
    john: Customer, visit: Appointment, reminder: AppointmentReminder, status: str
) -> None:
    MessageData.objects.update(status=status, decision_reason="no_consent")

    receive(sms("CONFIRM"))

    visit.refresh_from_db()
    assert visit.status == "scheduled"


@pytest.mark.django_db
def test_an_answer_after_the_start_comes_too_late(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    Appointment.objects.update(starts_at=datetime.now(UTC) - timedelta(minutes=1), revision=1)
    AppointmentReminder.objects.update(revision=Appointment.objects.get().revision)

    receive(sms("CONFIRM"))

    assert Appointment.objects.get().status == "scheduled"


@pytest.mark.django_db
def test_of_two_reminded_appointments_the_next_one_is_meant(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    later = AppointmentFactory(customer=john, starts_at=visit.starts_at + timedelta(hours=3))
    sent = MessageDataFactory(customer=john, status=MessageStatus.DELIVERED, sent_ts=datetime.now(UTC))
    AppointmentReminderFactory(appointment=later, message_data=sent)

    receive(sms("C", sid="SM1"))
    assert dict(Appointment.objects.values_list("pk", "status")) == {visit.pk: "confirmed", later.pk: "scheduled"}

    receive(sms("C", sid="SM2"))
    assert set(Appointment.objects.values_list("status", flat=True)) == {"confirmed"}


@pytest.mark.django_db
def test_what_staff_confirmed_meanwhile_is_not_confirmed_again(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    confirm_appointment(visit)

    receive(sms("CONFIRM"))

    assert (events(), replies()) == ([EventType.KEYWORD_RECOGNISED], [])


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["fr", "fr-CA"])
def test_annuler_cancels_in_french_and_is_answered_in_french(
    john: Customer, visit: Appointment, reminder: AppointmentReminder, language: str
) -> None:
    Customer.objects.update(language=language)

    receive(sms("Annuler"))

    visit.refresh_from_db()
    assert visit.status == "cancelled"
    assert replies() == ["Huron Home: Votre rendez-vous est annulé. Répondez à ce message pour en prendre un autre."]
    assert may(Purpose.TRANSACTIONAL)


@pytest.mark.django_db
def test_an_answer_takes_the_reminder_into_its_conversation(
    john: Customer, visit: Appointment, reminder: AppointmentReminder
) -> None:
    logged = sent_to(john)
    record_outbound_many([logged])

    message = receive(sms("CONFIRM"))

    interaction = Interaction.objects.get(pk=logged.interaction_id)
    assert interaction.conversation == message.conversation


@pytest.mark.django_db
def test_whoever_was_written_to_at_the_phone_on_his_card_is_known_when_he_answers(
    reminder_version: MessageSchemaVersion,
) -> None:
    starts_at = datetime.now(UTC) + timedelta(days=1)
    visit = AppointmentFactory(
        customer=CustomerFactory(name="Alex Roe", phone=JOHN, address="1 Main"), starts_at=starts_at
    )
    asked = send_message(
        MessageRequest(schema=reminder_version.message_schema, customer=visit.customer, appointment=visit)
    )
    MessageData.objects.update(status=MessageStatus.SENT, sent_ts=datetime.now(UTC))
    AppointmentReminderFactory(appointment=visit, message_data=asked)

    assert receive(sms("CONFIRM")).conversation.customer == visit.customer
    visit.refresh_from_db()
    assert visit.status == "confirmed"


@pytest.mark.django_db
def test_who_confirmed_may_still_cancel(visit: Appointment, reminder: AppointmentReminder) -> None:
    receive(sms("CONFIRM"))
    receive(sms("CANCEL"))

    visit.refresh_from_db()
    reminder.refresh_from_db()
    assert (visit.status, reminder.answer) == ("cancelled", "cancel")
    assert allowed("sms", JOHN, Purpose.TRANSACTIONAL).allowed
    assert len(replies()) == 2


@pytest.mark.django_db
def test_what_staff_confirmed_the_customer_may_still_cancel(visit: Appointment, reminder: AppointmentReminder) -> None:
    confirm_appointment(visit)
    withdraw_stale_reminders()
    receive(sms("CANCEL"))

    visit.refresh_from_db()
    assert visit.status == "cancelled"
