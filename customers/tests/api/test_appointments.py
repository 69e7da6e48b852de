from typing import Any

import pytest
from rest_framework.test import APIClient

from config.tests.callers import caller, errors_of
from customers.models import Customer
from customers.tests.factories import CustomerFactory

APPOINTMENTS = "/api/v1/appointment"
AT, LATER = "2026-12-01T14:00:00Z", "2026-12-02T14:00:00Z"


@pytest.fixture
def client(db: None) -> APIClient:
    return caller("view_appointment", "add_appointment", "change_appointment")


@pytest.fixture
def visit(client: APIClient, jane: Customer) -> dict[str, Any]:
    response = client.post(APPOINTMENTS, {"customer": str(jane.pk), "service_type": "Furnace", "starts_at": AT})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_an_appointment_is_booked(client: APIClient, visit: dict[str, Any], jane: Customer) -> None:
    assert (visit["status"], visit["starts_at"], visit["customer"]) == ("scheduled", AT, str(jane.pk))
    assert client.get(f"{APPOINTMENTS}/{visit['id']}").json() == visit


def test_one_that_moves_is_to_be_confirmed_again(client: APIClient, visit: dict[str, Any]) -> None:
    address = f"{APPOINTMENTS}/{visit['id']}"

    confirmed = client.patch(address, {"status": "confirmed"}).json()
    moved = client.patch(address, {"starts_at": LATER}).json()

    assert confirmed["confirmed_at"] is not None
    assert (moved["status"], moved["confirmed_at"], moved["revision"]) == ("scheduled", None, 2)


def test_a_cancelled_one_says_why_and_is_not_completed(client: APIClient, visit: dict[str, Any]) -> None:
    address = f"{APPOINTMENTS}/{visit['id']}"

    cancelled = client.patch(address, {"status": "cancelled", "cancellation_reason": "Away"}).json()
    refused = client.patch(address, {"status": "completed"})

    assert (cancelled["cancelled_at"] is not None, cancelled["cancellation_reason"]) == (True, "Away")
    assert (refused.status_code, errors_of(refused)) == (409, {("impossible_move", None)})


@pytest.mark.parametrize(
    ("values", "code", "attr"),
    [
        ({"status": "completed"}, "impossible_move", "status"),
        ({"starts_at": "tomorrow"}, "invalid", "starts_at"),
        ({"starts_at": "2026-12-01T14:00"}, "no_time_zone", "starts_at"),
        ({"duration_minutes": 0}, "min_value", "duration_minutes"),
        ({"customer": "01890000-0000-7000-8000-000000000000"}, "does_not_exist", "customer"),
        ({"service_type": "x" * 101}, "max_length", "service_type"),
    ],
)
def test_a_wrong_appointment_is_refused(
    client: APIClient, jane: Customer, values: dict[str, Any], code: str, attr: str
) -> None:
    body = {"customer": str(jane.pk), "service_type": "Furnace", "starts_at": AT, **values}

    response = client.post(APPOINTMENTS, body)

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})


def test_a_calendar_event_belongs_to_one_appointment(client: APIClient, visit: dict[str, Any], jane: Customer) -> None:
    body = {"customer": str(jane.pk), "service_type": "Furnace", "starts_at": AT, "calendar_event_id": "cal-1"}

    first, second = client.post(APPOINTMENTS, body), client.post(APPOINTMENTS, body)

    assert (first.status_code, second.status_code, errors_of(second)) == (
        201,
        409,
        {("calendar_event_taken", None)},
    )


def test_an_appointment_stays_its_customers(client: APIClient, visit: dict[str, Any]) -> None:
    response = client.patch(f"{APPOINTMENTS}/{visit['id']}", {"customer": str(CustomerFactory().pk)})

    assert errors_of(response) == {("immutable", "customer")}


def test_appointments_are_found_by_customer_and_time(client: APIClient, visit: dict[str, Any], jane: Customer) -> None:
    client.post(APPOINTMENTS, {"customer": str(jane.pk), "service_type": "Duct", "starts_at": LATER})

    by_time = client.get(APPOINTMENTS, {"customer": str(jane.pk), "ordering": "starts_at"}).json()["results"]
    early = client.get(APPOINTMENTS, {"starts_before": LATER}).json()["results"]

    assert [each["starts_at"] for each in by_time] == [AT, LATER]
    assert [each["id"] for each in early] == [visit["id"]]
