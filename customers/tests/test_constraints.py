from datetime import UTC, datetime, timedelta

import pytest

from config.accounts.tests.factories import UserFactory
from config.tests.constraints import Break, assert_refused, histories_are_kept, indexes_of, tables_of, twice
from customers.models import Appointment, ConsentEvent
from customers.tests.factories import (
    AppointmentFactory,
    ConsentEventFactory,
    CustomerFactory,
    CustomerIdentifierFactory,
    DeviceFactory,
    EmployeeFactory,
    SuppressionFactory,
)

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)


def employees_of_one_user() -> None:
    user = UserFactory()
    twice(EmployeeFactory, user=user)()


BREAKS: list[Break] = [
    ("customers_primary_email_unique", twice(CustomerFactory, primary_email="jane@example.test")),
    ("customers_primary_email_lower", lambda: CustomerFactory(primary_email="Jane@example.test")),
    ("customers_external_id_unique", twice(CustomerFactory, external_id="C-1")),
    ("customers_total_not_negative", lambda: CustomerFactory(total_interactions=-1)),
    ("customers_merge_paired", lambda: CustomerFactory(merged_at=NOON)),
    ("customers_merge_paired", lambda: CustomerFactory(merged_into=CustomerFactory())),
    ("customer_identifiers_unique", twice(CustomerIdentifierFactory, identifier_value="+14165551234")),
    ("customer_identifiers_type", lambda: CustomerIdentifierFactory(identifier_type="pigeon")),
    ("customer_identifiers_value", lambda: CustomerIdentifierFactory(identifier_value="")),
    ("devices_app_token_unique", twice(DeviceFactory, app="home", token="t")),
    ("devices_platform", lambda: DeviceFactory(platform="pigeon")),
    ("devices_token_not_empty", lambda: DeviceFactory(token="")),
    ("employee_user_id_key", employees_of_one_user),
    ("employee_external_id_key", twice(EmployeeFactory, external_id="E-1")),
    ("appointments_status", lambda: AppointmentFactory(status="pigeon")),
    ("appointments_booked_by", lambda: AppointmentFactory(booked_by="pigeon")),
    ("appointments_duration_positive", lambda: AppointmentFactory(duration_minutes=0)),
    ("appointments_cancelled_paired", lambda: AppointmentFactory(status="cancelled")),
    ("appointments_calendar_event_id_key", twice(AppointmentFactory, calendar_event_id="event-1")),
    ("consent_events_channel", lambda: ConsentEventFactory(channel="pigeon")),
    ("consent_events_status", lambda: ConsentEventFactory(status="pigeon")),
    ("consent_events_purpose", lambda: ConsentEventFactory(purpose="pigeon")),
    ("consent_events_source", lambda: ConsentEventFactory(source="pigeon")),
    ("consent_events_address_or_hash", lambda: ConsentEventFactory(address="")),
    ("consent_events_once_per_cause", twice(ConsentEventFactory, address="+14165551234", reference="SM1")),
    ("consent_events.append_only", lambda: ConsentEvent.objects.filter(pk=ConsentEventFactory().pk).update(wording="")),
    ("consent_events.append_only", lambda: ConsentEventFactory().delete()),
    ("suppressions_channel", lambda: SuppressionFactory(channel="pigeon")),
    ("suppressions_reason", lambda: SuppressionFactory(reason="pigeon")),
    ("suppressions_address_or_hash", lambda: SuppressionFactory(address="")),
    ("suppressions_one_in_force", twice(SuppressionFactory, address="+14165551234")),
    *histories_are_kept(
        CustomerFactory, CustomerIdentifierFactory, AppointmentFactory, EmployeeFactory, SuppressionFactory
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("promise", "break_it"), BREAKS)
def test_the_database_refuses_what_breaks_a_promise(promise, break_it):
    assert_refused(promise, break_it)


@pytest.mark.django_db
def test_an_appointment_that_moves_gets_a_new_revision_whoever_moves_it():
    appointment = AppointmentFactory(starts_at=NOON)
    same = Appointment.objects.filter(pk=appointment.pk)
    same.update(starts_at=NOON, notes="Ring twice")
    assert same.get().revision == 1
    same.update(starts_at=NOON + timedelta(hours=1))
    assert same.get().revision == 2


@pytest.mark.django_db
def test_many_customers_have_no_email_and_no_external_id():
    CustomerFactory.create_batch(2, primary_email=None, external_id=None)


@pytest.mark.django_db
def test_a_lifted_suppression_leaves_room_for_a_new_one():
    SuppressionFactory(address="+14165551234", lifted_at=NOON)
    SuppressionFactory(address="+14165551234")


@pytest.mark.django_db
def test_the_hash_stands_for_an_erased_address():
    ConsentEventFactory(address="", address_hash="a" * 64)
    SuppressionFactory(address="", address_hash="a" * 64)


@pytest.mark.django_db
def test_the_indexes_that_source_004_names_exist():
    assert "UNIQUE INDEX" in indexes_of("customers")["customers_primary_email_unique"]
    assert "WHERE (primary_email IS NOT NULL)" in indexes_of("customers")["customers_primary_email_unique"]
    identifiers = indexes_of("customer_identifiers")
    assert identifiers["customer_identifiers_unique"].endswith("(identifier_type, identifier_value)")
    assert identifiers["idx_identifiers_value"].endswith("(identifier_value)")


def test_the_tables_have_their_names():
    assert tables_of("customers").items() >= {
        ("Customer", "customers"),
        ("CustomerIdentifier", "customer_identifiers"),
        ("Employee", "employee"),
        ("Device", "devices"),
        ("Appointment", "appointments"),
        ("ConsentEvent", "consent_events"),
        ("Suppression", "suppressions"),
    }
