from datetime import timedelta

import pytest
from django.utils import timezone

from communications.models import AppointmentReminder
from communications.sending.facts import CONFIRMS_OPT_OUT, RecipientFacts, load_facts
from communications.tests.engine_fixtures import waiting
from communications.tests.factories import AppointmentReminderFactory, MessageDataFactory
from customers.choices import ConsentPurpose, ConsentStatus, SuppressionReason
from customers.models import Appointment
from customers.tests.factories import AppointmentFactory, ConsentEventFactory, SuppressionFactory

pytestmark = pytest.mark.django_db
NUMBER = "+14165590001"
CANCELLED = {"status": Appointment.Status.CANCELLED, "cancelled_at": timezone.now()}


def facts(**values: object) -> RecipientFacts:
    """What is known of one message to NUMBER."""
    row = MessageDataFactory(**{"recipient": NUMBER, **values})
    return load_facts([row], channel="sms", at=timezone.now())[row.pk]


def test_of_somebody_new_there_is_nothing_against_a_transactional_message() -> None:
    known = facts()

    assert (known.address_is_valid, known.opted_out, known.suppressed_because) == (True, False, "")
    assert not known.withdrawn
    assert not facts(purpose="marketing").consent_allows


@pytest.mark.parametrize("address", ["+1416", "4165590001", "+1 416 559 0001", "nobody@example.test"])
def test_only_a_normal_number_is_an_address(address: str) -> None:
    assert not facts(recipient=address).address_is_valid


def test_consent_is_the_address_s_and_not_the_customer_s() -> None:
    ConsentEventFactory(address=NUMBER, status=ConsentStatus.OPT_IN, purpose=ConsentPurpose.MARKETING)

    assert facts(purpose="marketing").consent_allows
    assert not facts(purpose="marketing", recipient="+14165590002").consent_allows


def test_a_stop_closes_the_address_for_everything() -> None:
    ConsentEventFactory(address=NUMBER, status=ConsentStatus.OPT_OUT, purpose=ConsentPurpose.ALL)

    assert facts().opted_out
    assert not facts(purpose="marketing").consent_allows


def test_consent_on_another_channel_says_nothing_here() -> None:
    ConsentEventFactory(channel="whatsapp", address=NUMBER, status=ConsentStatus.OPT_OUT, purpose=ConsentPurpose.ALL)

    assert not facts().opted_out


def test_a_suppression_in_force_is_named() -> None:
    SuppressionFactory(address=NUMBER, reason=SuppressionReason.HARD_BOUNCE)
    assert facts().suppressed_because == "hard_bounce"


def test_a_lifted_suppression_is_none() -> None:
    SuppressionFactory(address=NUMBER, lifted_at=timezone.now())
    assert facts().suppressed_because == ""


def test_times_and_the_mark_of_a_confirmation_come_from_the_row() -> None:
    soon = timezone.now() + timedelta(hours=1)

    known = facts(scheduled_ts=soon, expires_ts=soon, metadata={CONFIRMS_OPT_OUT: True})

    assert (known.scheduled_at, known.expires_at, known.confirms_opt_out) == (soon, soon, True)


def reminder(**appointment: object) -> RecipientFacts:
    """What is known of a reminder whose appointment is as `appointment` says."""
    visit = AppointmentFactory(**appointment)
    row = MessageDataFactory(recipient=NUMBER, appointment=visit)
    AppointmentReminderFactory(appointment=visit, revision=1, message_data=row)
    return load_facts([row], channel="sms", at=timezone.now())[row.pk]


@pytest.mark.parametrize(
    ("appointment", "withdrawn"),
    [
        ({}, False),
        ({"revision": 2}, True),
        (CANCELLED, True),
        ({"status": Appointment.Status.CONFIRMED}, True),
    ],
)
def test_a_reminder_of_an_appointment_that_changed_is_withdrawn(
    appointment: dict[str, object], withdrawn: bool
) -> None:
    assert reminder(**appointment).withdrawn is withdrawn


def test_a_message_about_an_appointment_that_is_no_reminder_is_not() -> None:
    assert not facts(appointment=AppointmentFactory(**CANCELLED)).withdrawn


def test_a_withdrawn_reminder_is_withdrawn_whatever_its_appointment_says() -> None:
    visit = AppointmentFactory()
    row = MessageDataFactory(appointment=visit)
    AppointmentReminderFactory(appointment=visit, message_data=row, state=AppointmentReminder.State.WITHDRAWN)

    assert load_facts([row], channel="sms", at=timezone.now())[row.pk].withdrawn


@pytest.mark.parametrize("number", [1, 50])
def test_the_number_of_queries_does_not_grow_with_the_messages(number: int, django_assert_num_queries) -> None:
    rows = waiting(number)
    for row in rows:
        row.appointment = AppointmentFactory()

    with django_assert_num_queries(3):
        load_facts(rows, channel="sms", at=timezone.now())
