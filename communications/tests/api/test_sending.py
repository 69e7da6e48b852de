from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from communications.api import views
from communications.models import IdempotencyKey, MessageData, MessageSchema, SendBatch
from communications.tests.api.conftest import MESSAGES, Send
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of
from customers.models import Appointment, Customer, Employee
from customers.tests.factories import CustomerFactory

UNKNOWN_ID = "01890000-0000-7000-8000-000000000000"


def test_a_message_to_an_address_is_stored_and_shown(send: Send, body: dict[str, Any]) -> None:
    response = send({**body, "recipient_name": "John Smith", "metadata": {"order": 42}})

    assert response.status_code == 201
    shown = response.json()
    assert response.headers["Location"] == f"{MESSAGES}/{shown['id']}"
    assert shown["message_number"].startswith("MSG-")
    assert (shown["recipient"], shown["recipient_name"]) == ("+14165551234", "John Smith")
    assert (shown["message_schema_code"], shown["schema_version"]) == (body["message_schema"], 1)
    assert (shown["message_delivery_method"], shown["channel"]) == ("SMS", "sms")
    assert shown["status"] == "pending"
    assert shown["metadata"] == {"order": 42}
    assert MessageData.objects.get().batch is not None


def test_it_remembers_who_asked(send: Send, body: dict[str, Any]) -> None:
    send(body)

    created_by = MessageData.objects.get().created_by
    assert created_by is not None
    assert created_by.name == "Website"


def test_a_customer_is_written_to_at_his_own_address(send: Send, pickup: MessageSchema, john: Customer) -> None:
    response = send({"message_schema": str(pickup.pk), "customer": str(john.pk), "variables": {"orderNumber": "7"}})

    assert response.status_code == 201, response.content
    assert (response.json()["customer"], response.json()["recipient"]) == (str(john.pk), john.phone)


def test_an_employee_is_written_to_at_his_own_address(send: Send, body: dict[str, Any], emily: Employee) -> None:
    del body["recipient"]

    response = send({**body, "employee": str(emily.pk)})

    assert response.status_code == 201, response.content
    assert (response.json()["employee"], response.json()["recipient"]) == (str(emily.pk), emily.phone)


@pytest.mark.parametrize("address", [MESSAGES, f"{MESSAGES}/"])
def test_a_trailing_slash_makes_no_difference(client: APIClient, body: dict[str, Any], address: str) -> None:
    sent = client.post(address, body)
    read = client.get(f"{MESSAGES}/{sent.json()['id']}{'/' if address.endswith('/') else ''}")

    assert (sent.status_code, read.status_code) == (201, 200)
    assert read.json()["id"] == sent.json()["id"]


def test_a_message_can_be_scheduled(send: Send, body: dict[str, Any]) -> None:
    at = timezone.now().replace(microsecond=0) + timedelta(days=3)

    response = send({**body, "scheduled_ts": at.isoformat()})

    assert response.status_code == 201, response.content
    assert response.json()["status"] == "scheduled"
    assert response.json()["scheduled_ts"] == at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_time_that_has_passed_means_now(send: Send, body: dict[str, Any]) -> None:
    response = send({**body, "scheduled_ts": "2020-01-01T00:00:00Z"})

    assert (response.status_code, response.json()["status"]) == (201, "pending")


def test_null_is_the_same_as_nothing(send: Send, body: dict[str, Any]) -> None:
    nothing = ("customer", "recipient_name", "appointment", "scheduled_ts", "expires_ts", "purpose", "metadata")

    response = send({**body, **dict.fromkeys(nothing)})

    assert response.status_code == 201, response.content
    assert response.json()["purpose"] == "transactional"


IMPOSSIBLE = [
    ({"recipient": "+1416555"}, ("invalid_phone", "recipient")),
    ({"recipient": "nobody@example.test"}, ("invalid_phone", "recipient")),
    ({"recipient": ""}, ("recipient_required", "recipient")),
    ({"recipient": ["+14165551234"]}, ("invalid", "recipient")),
    ({"recipient": "1" * 400}, ("max_length", "recipient")),
    ({"variables": {"firstName": "John"}}, ("missing_variable", "variables")),
    ({"variables": []}, ("not_a_dict", "variables")),
    ({"variables": {"orderNumber": {"a": 1}}}, ("not_a_scalar", "variables.orderNumber")),
    ({"variables": {"orderNumber": [1]}}, ("not_a_scalar", "variables.orderNumber")),
    ({"variables": {"orderNumber": "x" * 10_001}}, ("max_length", "variables.orderNumber")),
    ({"variables": {"x" * 101: 1}}, ("invalid_name", f"variables.{'x' * 100}")),
    ({"variables": {f"v{n}": n for n in range(101)}}, ("too_many_keys", "variables")),
    ({"message_schema": "MSG-SCHEMA-NONE-001"}, ("does_not_exist", "message_schema")),
    ({"message_schema": UNKNOWN_ID}, ("does_not_exist", "message_schema")),
    ({"message_schema": None}, ("null", "message_schema")),
    ({"message_schema": 7}, ("invalid", "message_schema")),
    ({"customer": UNKNOWN_ID}, ("does_not_exist", "customer")),
    ({"customer": "John"}, ("invalid", "customer")),
    ({"employee": UNKNOWN_ID}, ("does_not_exist", "employee")),
    ({"appointment": UNKNOWN_ID}, ("does_not_exist", "appointment")),
    ({"scheduled_ts": "tomorrow"}, ("invalid", "scheduled_ts")),
    ({"scheduled_ts": "2030-01-01T10:00:00"}, ("no_time_zone", "scheduled_ts")),
    ({"scheduled_ts": "2999-01-01T00:00:00Z"}, ("too_far_ahead", "scheduled_ts")),
    ({"expires_ts": "2020-01-01T00:00:00Z"}, ("expired", "expires_ts")),
    ({"expires_ts": "0001-01-01T00:00:00+14:00"}, ("overflow", "expires_ts")),
    ({"purpose": "spam"}, ("invalid_choice", "purpose")),
    ({"metadata": "x"}, ("not_a_dict", "metadata")),
    ({"metadata": {"x": "y" * 20_000}}, ("max_length", "metadata")),
    ({"status": "sent"}, ("unknown_field", "status")),
]


@pytest.mark.parametrize(("wrong", "error"), IMPOSSIBLE, ids=[f"{e[1]}-{e[0]}"[:60] for _, e in IMPOSSIBLE])
def test_what_cannot_be_sent_is_refused_with_its_field_and_leaves_nothing(
    send: Send, body: dict[str, Any], wrong: dict[str, Any], error: tuple[str, str]
) -> None:
    response = send({**body, **wrong})

    assert response.status_code == 400, response.content
    assert error in errors_of(response)
    assert not MessageData.objects.exists()
    assert not SendBatch.objects.exists()


def test_every_mistake_is_told_at_once(send: Send, body: dict[str, Any]) -> None:
    response = send({**body, "message_schema": "NONE", "purpose": "spam", "recepient": "+14165551234"})

    assert errors_of(response) == {
        ("does_not_exist", "message_schema"),
        ("invalid_choice", "purpose"),
        ("unknown_field", "recepient"),
    }


def test_a_missing_variable_is_named(send: Send, body: dict[str, Any]) -> None:
    response = send({**body, "variables": {"firstName": "John", "orderNumber": " "}})

    assert errors_of(response) == {("missing_variable", "variables")}
    assert "orderNumber" in response.json()["errors"][0]["detail"]


def test_nobody_to_write_to_is_refused(send: Send, body: dict[str, Any]) -> None:
    del body["recipient"]

    assert errors_of(send(body)) == {("recipient_required", "recipient")}


def test_a_customer_and_an_employee_are_refused_together(
    send: Send, body: dict[str, Any], john: Customer, emily: Employee
) -> None:
    response = send({**body, "customer": str(john.pk), "employee": str(emily.pk)})

    assert errors_of(response) == {("two_recipients", "employee")}


def test_a_customer_without_an_address_is_refused(send: Send, body: dict[str, Any]) -> None:
    del body["recipient"]

    response = send({**body, "customer": str(CustomerFactory().pk)})

    assert response.status_code == 400
    assert {code for code, _ in errors_of(response)} == {"no_address"}


def test_anothers_appointment_is_refused(send: Send, body: dict[str, Any], furnace_visit: Appointment) -> None:
    response = send({**body, "customer": str(CustomerFactory().pk), "appointment": str(furnace_visit.pk)})

    assert errors_of(response) == {("wrong_customer", "appointment")}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{", "parse_error"),
        (b"\xff\xfe", "parse_error"),
        (b'{"recipient": "\\u0000"}', "parse_error"),
        (b'{"recipient": NaN}', "parse_error"),
        (b"[" * 500, "parse_error"),
        (b"[]", "invalid"),
        (b"7", "invalid"),
        (b"", "required"),
    ],
)
def test_a_body_that_is_no_message_is_refused(client: APIClient, text: bytes, code: str) -> None:
    response = client.post(MESSAGES, text, content_type="application/json")

    assert response.status_code == 400, response.content
    assert code in {found for found, _ in errors_of(response)}


@pytest.mark.parametrize("field", ["metadata", "variables"])
def test_a_number_beyond_all_numbers_is_refused(client: APIClient, body: dict[str, Any], field: str) -> None:
    text = f'{{"message_schema": "{body["message_schema"]}", "recipient": "+14165551234", "{field}": {{"x": 1e999}}}}'

    response = client.post(MESSAGES, text, content_type="application/json")

    assert response.status_code == 400, response.content
    errors_of(response)


def test_a_body_of_two_megabytes_is_refused(send: Send, body: dict[str, Any]) -> None:
    response = send({**body, "metadata": {"x": "y" * 2_000_000}}, idempotency_key="large")

    assert response.status_code == 413
    assert errors_of(response) == {("payload_too_large", None)}
    assert not MessageData.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_a_body_without_length_is_refused(client: APIClient) -> None:
    response = client.generic("POST", MESSAGES, b"", headers={"Transfer-Encoding": "chunked"})

    assert response.status_code == 411
    assert errors_of(response) == {("length_required", None)}


def test_a_form_is_refused(client: APIClient) -> None:
    response = client.post(MESSAGES, "recipient=1", content_type="application/x-www-form-urlencoded")

    assert response.status_code == 415
    assert errors_of(response) == {("unsupported_media_type", None)}


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_does_not_exist_is_told_so_in_json(method: str) -> None:
    response = getattr(APIClient(), method)("/api/v1/no-such-thing")

    assert response.status_code == 404
    assert errors_of(response) == {("not_found", None)}


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_allowed(db: None, method: str) -> None:
    client = client_of(UserFactory(is_superuser=True))

    response = getattr(client, method)(MESSAGES)

    assert response.status_code == 405
    assert errors_of(response) == {("method_not_allowed", None)}


@pytest.mark.django_db(transaction=True)
def test_a_message_is_never_half_written(send: Send, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def stored_then_broken(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise OperationalError("server closed the connection unexpectedly")

    real = views.send_message
    monkeypatch.setattr(views, "send_message", stored_then_broken)
    response = send(body)

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert {code for code, _ in errors_of(response)} == {"database_unavailable"}
    assert not MessageData.objects.exists()
    assert not SendBatch.objects.exists()
