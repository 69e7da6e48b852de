"""Who, in the back office."""

from datetime import timedelta

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.accounts.tests.factories import UserFactory
from config.tests.back_office import add_url, list_queries, list_url, models_of, read_only, row_url, shown_models
from customers.models import Appointment, ConsentEvent, Customer, CustomerIdentifier, Device, Employee, Suppression
from customers.tests import factories

FACTORIES = {
    Appointment: factories.AppointmentFactory,
    ConsentEvent: factories.ConsentEventFactory,
    Customer: factories.CustomerFactory,
    CustomerIdentifier: factories.CustomerIdentifierFactory,
    Device: factories.DeviceFactory,
    Employee: factories.EmployeeFactory,
    Suppression: factories.SuppressionFactory,
}


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_every_model_has_a_page() -> None:
    assert set(models_of("customers")) == shown_models("customers") == set(FACTORIES)


@pytest.mark.parametrize("model", FACTORIES)
def test_each_list_and_each_row_opens_and_is_searched(staff: Client, model: type[Model]) -> None:
    row = FACTORIES[model]()

    assert staff.get(list_url(model)).status_code == 200
    for term in ("John", "john smith", "+1 (416) 555-1234", "a@b.test", "' OR 1=1", "\x00"):
        assert staff.get(list_url(model, q=term)).status_code == 200
    assert staff.get(row_url(row)).status_code == 200


@pytest.mark.parametrize("model", FACTORIES)
def test_a_list_costs_the_same_for_one_row_and_for_twelve(staff: Client, model: type[Model]) -> None:
    FACTORIES[model]()
    for_one = list_queries(staff, model)
    for _ in range(11):
        FACTORIES[model]()

    assert len(list_queries(staff, model)) == len(for_one)
    assert not any("ILIKE" in sql or "UPPER(" in sql for sql in for_one)


@pytest.mark.parametrize("model", [ConsentEvent, Suppression])
def test_consent_is_never_written_by_editing_rows(staff: Client, model: type[Model]) -> None:
    assert read_only(staff, FACTORIES[model]())


@pytest.mark.parametrize("term", ["4165551234", "(416) 555-1234", "+1 416 555 1234", "John", "john sm", "Smith"])
def test_a_customer_is_found_by_an_address_in_any_spelling_and_by_the_beginning_of_a_name(
    staff: Client, john: Customer, jane: Customer, term: str
) -> None:
    html = staff.get(list_url(Customer, q=term)).content.decode()

    assert str(john.pk) in html and str(jane.pk) not in html


def form_of(customer: Customer, **changes: object) -> dict[str, object]:
    """What the customer's page would send."""
    names = [
        "name",
        "first_name",
        "last_name",
        "phone",
        "address",
        "city",
        "province",
        "postal_code",
        "country",
        "language",
        "time_zone",
    ]
    names += ["customer_type", "tier", "notes"]
    form: dict[str, object] = {name: getattr(customer, name) for name in names}
    form |= {"primary_email": customer.primary_email or "", "external_id": "", "attributes": "{}", "metadata": "{}"}
    for prefix in ("identifiers", "devices", "appointments", "consent_events"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return form | changes


def test_an_address_is_stored_in_its_normal_form(staff: Client, jane: Customer) -> None:
    added = {
        "identifiers-TOTAL_FORMS": 1,
        "identifiers-0-identifier_type": "phone",
        "identifiers-0-identifier_value": "(519) 555-0142",
        "identifiers-0-verified": "on",
        "identifiers-0-customer": jane.pk,
    }

    answer = staff.post(row_url(jane), form_of(jane, primary_email="Jane@EXAMPLE.test", **added))

    assert answer.status_code == 302
    stored = CustomerIdentifier.objects.get(identifier_value="+15195550142")
    assert stored.customer == jane and stored.verified_at is not None
    jane.refresh_from_db()
    assert jane.primary_email == "jane@example.test"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("primary_email", "nobody", "not an e-mail address"),
        ("phone", "12", "phone number"),
        ("time_zone", "Mars/Olympus", "No such time zone"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_nothing_is_stored(
    staff: Client, jane: Customer, field: str, value: str, sentence: str
) -> None:
    answer = staff.post(row_url(jane), form_of(jane, **{field: value, "city": "Paris"}))

    assert answer.status_code == 200 and sentence in answer.content.decode()
    jane.refresh_from_db()
    assert jane.city != "Paris"


def test_another_customers_address_is_refused(staff: Client, john: Customer, jane: Customer) -> None:
    added = {
        "identifiers-TOTAL_FORMS": 1,
        "identifiers-0-identifier_type": "phone",
        "identifiers-0-identifier_value": "416-555-1234",
        "identifiers-0-customer": jane.pk,
    }

    answer = staff.post(row_url(jane), form_of(jane, **added))

    assert answer.status_code == 200 and "already exists" in answer.content.decode()


def test_customers_are_not_deleted_here(staff: Client, john: Customer) -> None:
    assert staff.post(reverse("admin:customers_customer_delete", args=[john.pk]), {"post": "yes"}).status_code == 403


def appointment_form(appointment: Appointment, **changes: object) -> dict[str, object]:
    local = timezone.localtime(appointment.starts_at)
    return {
        "customer": appointment.customer_id,
        "service_type": appointment.service_type,
        "status": appointment.status,
        "starts_at_0": f"{local:%Y-%m-%d}",
        "starts_at_1": f"{local:%H:%M:%S}",
        "duration_minutes": 60,
        "booked_by": "staff",
        "metadata": "{}",
        **changes,
    }


def test_cancelling_an_appointment_keeps_when_and_why(staff: Client, furnace_visit: Appointment) -> None:
    changes = {"status": "cancelled", "cancellation_reason": "Moved away"}

    answer = staff.post(row_url(furnace_visit), appointment_form(furnace_visit, **changes))

    assert answer.status_code == 302
    furnace_visit.refresh_from_db()
    assert furnace_visit.status == "cancelled" and furnace_visit.cancelled_at is not None
    assert furnace_visit.cancellation_reason == "Moved away"


def test_a_move_that_the_table_does_not_know_is_refused(staff: Client, furnace_visit: Appointment) -> None:
    Appointment.objects.filter(pk=furnace_visit.pk).update(status="completed")
    furnace_visit.refresh_from_db()

    answer = staff.post(row_url(furnace_visit), appointment_form(furnace_visit, status="scheduled"))

    assert "cannot become scheduled" in answer.content.decode()
    furnace_visit.refresh_from_db()
    assert furnace_visit.status == "completed"


def test_a_new_time_is_a_new_revision(staff: Client, furnace_visit: Appointment) -> None:
    later = timezone.localtime(furnace_visit.starts_at + timedelta(days=1))

    staff.post(row_url(furnace_visit), appointment_form(furnace_visit, starts_at_0=f"{later:%Y-%m-%d}"))

    furnace_visit.refresh_from_db()
    assert furnace_visit.revision == 2


def test_a_new_appointment_may_be_confirmed_at_once_but_not_cancelled(staff: Client, john: Customer) -> None:
    planned = factories.AppointmentFactory.build(customer=john)
    form = appointment_form(planned, customer=john.pk)

    assert staff.post(add_url(Appointment), form | {"status": "cancelled"}).status_code == 200
    assert staff.post(add_url(Appointment), form | {"status": "confirmed"}).status_code == 302
    assert Appointment.objects.get().confirmed_at is not None
