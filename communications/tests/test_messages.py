"""Taking messages on: what is taken is a row in a batch."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.conf import LazySettings
from django.utils import timezone

from communications import wake
from communications.actions.message_request import MessageRequest
from communications.actions.messages import (
    send_message,
    send_messages,
)
from communications.actions.schemas import save_schema
from communications.models import MessageData, MessageSchema, SendBatch
from communications.tests.orders import request, template
from config.accounts.tests.factories import UserFactory
from customers.choices import Purpose
from customers.models import Appointment, Customer, Employee
from customers.tests.database import at_once
from customers.tests.factories import CustomerFactory, CustomerIdentifierFactory

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pickup(db: None) -> MessageSchema:
    return template()


def text_of(message: MessageData) -> str:
    return message.content_data["finalMessage"]


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_a_message_is_a_row_in_a_batch_of_one(pickup: MessageSchema, john: Customer) -> None:
    clerk = UserFactory()

    message = send_message(request(pickup, customer=john, metadata={"order": 7}), by=clerk)

    row = MessageData.objects.get()
    assert row == message and row.message_number.startswith("MSG-")
    assert (row.customer, row.recipient, row.recipient_name) == (john, "+14165551234", "John Smith")
    assert (row.message_schema, row.schema_version, row.language) == (pickup, pickup.versions.get(), "en")
    assert (row.status, row.purpose, row.created_by, row.metadata) == ("pending", "transactional", clerk, {"order": 7})
    assert (row.interaction, row.message, row.conversation) == (None, None, None)
    assert row.content_data == {
        "variables": {"firstName": "John", "orderNumber": "7"},
        "finalMessage": "Hi John, order 7 is ready.",
        "characterCount": 26,
        "segmentCount": 1,
        "encoding": "GSM-7",
        "cost": "0.0079",
    }
    assert row.batch
    assert (row.batch.channel, row.batch.provider, row.batch.purpose) == ("sms", "twilio", "transactional")
    assert (row.batch.state, row.batch.row_count, row.batch.schema_version) == ("waiting", 1, row.schema_version)
    assert row.batch.due_at <= timezone.now()


@pytest.mark.parametrize("way", ["identifier", "verified", "phone"])
def test_a_customer_is_written_to_at_his_own_address(pickup: MessageSchema, way: str) -> None:
    customer = CustomerFactory(name="Alex Roe", phone="+14165550101")
    if way != "phone":
        CustomerIdentifierFactory(customer=customer, identifier_value="+14165550102")
        CustomerIdentifierFactory(customer=customer, identifier_value="+14165550103", verified=way == "verified")

    message = send_message(request(pickup, customer=customer))

    wanted = {"identifier": "+14165550102", "verified": "+14165550103", "phone": "+14165550101"}
    assert message.recipient == wanted[way]


def test_an_address_that_was_named_wins(pickup: MessageSchema, john: Customer) -> None:
    message = send_message(request(pickup, customer=john, recipient="(416) 555-9999"))

    assert (message.customer, message.recipient) == (john, "+14165559999")


def test_an_unknown_address_becomes_a_customer(pickup: MessageSchema) -> None:
    message = send_message(request(pickup, recipient="416-555-7788", recipient_name="Alex Roe"))

    customer = Customer.objects.get()
    assert (message.customer, message.recipient, customer.name) == (customer, "+14165557788", "Alex Roe")
    assert text_of(message) == "Hi Alex, order 7 is ready."


def test_a_known_address_is_its_customers(pickup: MessageSchema, john: Customer) -> None:
    assert send_message(request(pickup, recipient="416 555 1234")).customer == john


def test_a_notice_to_an_employee_has_no_customer(emily: Employee) -> None:
    message = send_message(request(template("{{employeeName}}: order {{orderNumber}}."), employee=emily))

    assert (message.customer, message.employee, message.recipient) == (None, emily, "+15195550123")
    assert text_of(message) == "Emily Thompson: order 7."
    assert not Customer.objects.exists()


def test_a_template_may_have_its_own_sender(john: Customer) -> None:
    assert send_message(request(template(sms_sender_id="+15195550177"), customer=john)).sender == "+15195550177"


def test_the_purpose_is_the_templates_or_the_requests(john: Customer) -> None:
    offer = template(purpose=Purpose.MARKETING)

    assert send_message(request(offer, customer=john)).purpose == "marketing"
    assert send_message(request(offer, customer=john, purpose=Purpose.TRANSACTIONAL)).purpose == "transactional"


def test_the_requests_variables_win_and_its_blanks_win_nothing(
    john: Customer, emily: Employee, furnace_visit: Appointment
) -> None:
    schema = template("{{firstName}} {{serviceType}} {{time}} {{employeeName}} {{orderNumber}} {{city}}")
    given = {"serviceType": "Duct Cleaning", "firstName": "  ", "city": None, "orderNumber": "8"}

    message = send_message(request(schema, customer=john, appointment=furnace_visit, variables=given))

    assert text_of(message) == "John Duct Cleaning 2:00 PM Emily Thompson 8 London"


def test_only_the_variables_that_the_template_uses_are_kept(pickup: MessageSchema, john: Customer) -> None:
    message = send_message(request(pickup, customer=john, variables={"secret": "1234"}))

    assert set(message.content_data["variables"]) == {"firstName", "orderNumber"}


@pytest.mark.parametrize(
    ("recipient", "cost"),
    [
        ("+14165551234", "0.0079"),
        ("+12125551234", "0.0079"),
        ("+447400123456", "0.0420"),
        ("+33612345678", "0.0760"),
        ("+4915112345678", "0.0850"),
        ("+61412345678", "0.0500"),
    ],
)
def test_what_it_will_cost_depends_on_the_country(recipient: str, cost: str) -> None:
    message = send_message(MessageRequest(schema=template("Hello"), recipient=recipient))

    assert (message.cost, message.cost_currency, message.content_data["cost"]) == (Decimal(cost), "USD", cost)


def test_every_segment_costs(john: Customer) -> None:
    message = send_message(request(template("a" * 161), customer=john))

    assert (message.segment_count, message.cost) == (2, Decimal("0.0158"))


# --- when ------------------------------------------------------------------------------------------------------------


def test_what_is_scheduled_waits_in_a_batch_of_its_own_time(pickup: MessageSchema, john: Customer) -> None:
    soon, later = (timezone.now() + hours * HOUR for hours in (1, 2))
    times = [None, later, soon, later, timezone.now() - HOUR]

    rows = send_messages([request(pickup, customer=john, scheduled_at=at) for at in times])

    assert [row.status for row in rows] == ["pending", "scheduled", "scheduled", "scheduled", "pending"]
    assert [row.scheduled_ts for row in rows] == [None, later, soon, later, None]
    held = [row for row in rows if row.scheduled_ts]
    assert all(row.batch and row.batch.due_at == row.scheduled_ts for row in held)
    assert sorted(SendBatch.objects.values_list("row_count", flat=True)) == [1, 2, 2]


def test_a_template_may_say_how_long_it_is_true(john: Customer) -> None:
    schema = template(validity_seconds=3600)
    later = timezone.now() + 5 * HOUR

    now, then = send_messages([request(schema, customer=john), request(schema, customer=john, scheduled_at=later)])

    assert then.expires_ts == later + HOUR
    assert now.expires_ts and abs(now.expires_ts - timezone.now() - HOUR) < timedelta(minutes=1)


def test_the_request_may_say_it_too(john: Customer) -> None:
    at = timezone.now() + HOUR

    assert send_message(request(template(validity_seconds=60), customer=john, expires_at=at)).expires_ts == at


# --- many ------------------------------------------------------------------------------------------------------------


def test_of_two_thousand_five_hundred_messages_a_thousand_share_a_batch(john: Customer) -> None:
    schema = template("Hello")

    rows = send_messages([MessageRequest(schema=schema, customer=john, recipient=john.phone)] * 2_500)

    batches = SendBatch.objects.order_by("id")
    assert list(batches.values_list("row_count", flat=True)) == [1000, 1000, 500]
    assert [batch.messages.count() for batch in batches] == [1000, 1000, 500]
    assert len({row.message_number for row in rows}) == len({row.pk for row in rows}) == 2_500


def test_what_differs_in_version_or_purpose_does_not_share_a_batch(john: Customer) -> None:
    one, other = template("Hello"), template("Hello again")
    save_schema(one)

    send_messages(
        [
            request(one, customer=john),
            request(other, customer=john),
            request(one, customer=john, purpose=Purpose.MARKETING),
            request(other, customer=john),
        ]
    )

    assert sorted(SendBatch.objects.values_list("row_count", flat=True)) == [1, 1, 2]


def test_a_sender_is_woken_for_what_is_due_and_not_for_what_waits(
    monkeypatch: pytest.MonkeyPatch, pickup: MessageSchema, john: Customer
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "sender", woken.append)

    send_message(request(pickup, customer=john, scheduled_at=timezone.now() + HOUR))
    assert woken == []

    send_message(request(pickup, customer=john, purpose=Purpose.MARKETING))
    assert woken == ["marketing"]


@pytest.mark.django_db(transaction=True)
def test_two_who_write_to_the_same_strangers_at_once_never_wait_for_each_other_in_a_ring() -> None:
    schema = template("Hello")
    strangers = [MessageRequest(schema=schema, recipient=f"+1416555{number}") for number in range(3000, 3060)]

    at_once(partial(send_messages, strangers), partial(send_messages, list(reversed(strangers))))

    assert (Customer.objects.count(), MessageData.objects.count()) == (60, 120)


def test_what_may_be_taken_back_for_a_while_is_due_after_it(
    monkeypatch: pytest.MonkeyPatch, pickup: MessageSchema, john: Customer
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "sender", woken.append)
    before = timezone.now()

    slow, fast = send_messages([request(pickup, customer=john, undo_seconds=10), request(pickup, customer=john)])

    assert slow.batch and fast.batch
    assert timedelta(seconds=10) <= slow.batch.due_at - before < timedelta(seconds=40)
    assert fast.batch.due_at < slow.batch.due_at
    assert slow.status == "pending" and woken == ["transactional"]


def test_how_often_it_may_be_tried_is_a_setting(settings: LazySettings, pickup: MessageSchema, john: Customer) -> None:
    settings.SEND_MAX_RETRIES = 2

    assert send_message(request(pickup, customer=john)).max_retries == 2
