"""What is refused says why and leaves nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.messages import (
    MessageRequest,
    send_message,
    send_messages,
)
from communications.choices import DeliveryMethod
from communications.exceptions import SendRefused
from communications.models import MessageSchema
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from communications.tests.orders import request, template
from customers.models import Appointment, Customer, Employee
from customers.tests.database import stored
from customers.tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pickup(db: None) -> MessageSchema:
    return template()


Refused = Callable[[], MessageRequest]


def nobody() -> Customer:
    return CustomerFactory(name="Alex Roe", phone="")


def made_by_hand(method: DeliveryMethod) -> MessageSchema:
    """A template of a method that the editor cannot make yet."""
    schema = MessageSchemaFactory(message_delivery_method=method)
    MessageSchemaVersionFactory(message_schema=schema)
    return schema


def to(schema: Callable[[], MessageSchema] = template, **values: Any) -> Refused:
    """A request that is made within the test; a callable value is called there."""

    def make() -> MessageRequest:
        made = {name: value() if callable(value) else value for name, value in values.items()}
        return request(schema(), **{"recipient": "+14165551234", "recipient_name": "Al Roe", **made})

    return make


YESTERDAY, TOMORROW = (partial(lambda days: timezone.now() + timedelta(days=days), days) for days in (-1, 1))

REFUSALS: list[tuple[str, str, Refused]] = [
    ("no_recipient", "recipient", to(recipient="")),
    ("invalid_phone", "recipient", to(recipient="4165")),
    ("invalid_phone", "recipient", to(customer=nobody, recipient="nobody")),
    ("invalid_phone", "recipient", to(customer=lambda: CustomerFactory(phone="4165"), recipient="")),
    ("no_address", "customer", to(customer=nobody, recipient="")),
    ("no_address", "employee", to(employee=lambda: Employee.objects.create(name="Robin"), recipient="")),
    (
        "no_address",
        "customer",
        to(partial(made_by_hand, DeliveryMethod.WHATSAPP), customer=nobody, recipient=""),
    ),
    ("method_not_supported", "message_schema", to(partial(made_by_hand, DeliveryMethod.PUSH))),
    ("schema_not_usable", "message_schema", to(partial(template, status="draft"))),
    ("schema_not_usable", "message_schema", to(partial(template, status="archived"))),
    ("schema_not_usable", "message_schema", to(partial(template, active_flag=False))),
    ("schema_not_usable", "message_schema", to(partial(template, to_ts=datetime(2025, 1, 1, tzinfo=UTC)))),
    ("schema_not_usable", "message_schema", to(partial(template, from_ts=datetime(2125, 1, 1, tzinfo=UTC)))),
    ("schema_not_usable", "message_schema", to(MessageSchemaFactory)),
    ("missing_variable", "variables", to(partial(template, "{{firstName}} {{order.total}}"))),
    ("missing_variable", "variables", to(variables={"orderNumber": " "})),
    ("template_error", "message_schema", to(partial(template, "{{ orderNumber | divided_by: 0 }}"))),
    ("empty", "text", to(partial(template, "{% if nothing %}Hello{% endif %}"))),
    ("too_long", "text", to(variables={"orderNumber": "7" * 1600})),
    ("expired", "expires_ts", to(expires_at=YESTERDAY)),
    ("expired", "expires_ts", to(scheduled_at=TOMORROW, expires_at=timezone.now)),
]


@pytest.mark.parametrize(("code", "attr", "make"), REFUSALS)
def test_what_is_refused_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, code: str, attr: str, make: Refused
) -> None:
    if code == "template_error":
        monkeypatch.setattr("communications.actions.schemas.compile_sms", dict)
    refused = make()
    before = stored()

    with pytest.raises(SendRefused) as refusal:
        send_message(refused)

    assert (refusal.value.code, refusal.value.attr) == (code, attr)
    assert refusal.value.detail.endswith((".", "is empty.")) or code.startswith("template")
    assert stored() == before


def test_an_appointment_of_somebody_else_is_refused(jane: Customer, furnace_visit: Appointment) -> None:
    with pytest.raises(SendRefused) as refusal:
        send_message(request(template(), customer=jane, recipient="+14165550101", appointment=furnace_visit))

    assert refusal.value.code == "foreign_appointment"


def test_one_refused_request_takes_all_with_it(pickup: MessageSchema, john: Customer) -> None:
    before = stored()

    with pytest.raises(SendRefused, match="orderNumber"):
        send_messages(
            [
                request(pickup, customer=john),
                request(pickup, recipient="+14165550101", recipient_name="Al Roe"),
                request(pickup, customer=john, variables={"orderNumber": ""}),
            ]
        )

    assert stored() == before


def test_rows_and_batches_are_stored_together_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, pickup: MessageSchema, john: Customer
) -> None:
    before = stored()

    def broken(rows: object) -> None:
        raise RuntimeError("The database went away.")

    monkeypatch.setattr("communications.actions.messages.copy_rows", broken)
    with pytest.raises(RuntimeError):
        send_message(request(pickup, customer=john))

    assert stored() == before
