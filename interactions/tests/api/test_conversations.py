from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from config.tests.callers import caller, errors_of
from customers.models import Customer
from customers.tests.factories import CustomerFactory, EmployeeFactory
from interactions.models import Conversation
from interactions.models.conversation import ClosedReason
from interactions.tests.factories import ConversationFactory

CONVERSATIONS = "/api/v1/conversation"
AT = datetime(2025, 1, 10, tzinfo=UTC)


@pytest.fixture
def client(db: None) -> APIClient:
    return caller("view_conversation", "add_conversation", "change_conversation")


@pytest.fixture
def customer(db: None) -> Customer:
    made: Customer = CustomerFactory()
    return made


@pytest.fixture
def conversation(client: APIClient, customer: Customer) -> dict[str, Any]:
    response = client.post(CONVERSATIONS, {"customer": str(customer.pk), "channel": "email", "subject": "Furnace"})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_conversation_is_begun(client: APIClient, conversation: dict[str, Any]) -> None:
    assert (conversation["status"], conversation["channel"], conversation["subject"]) == ("active", "email", "Furnace")
    assert client.get(f"{CONVERSATIONS}/{conversation['id']}").json() == conversation


def test_a_customer_has_one_that_is_active(client: APIClient, conversation: dict[str, Any], customer: Customer) -> None:
    response = client.post(CONVERSATIONS, {"customer": str(customer.pk), "channel": "sms"})

    assert (response.status_code, errors_of(response)) == (409, {("already_active", None)})


def test_one_is_assigned_judged_and_closed(client: APIClient, conversation: dict[str, Any]) -> None:
    emily = EmployeeFactory()
    changes = {"assignee": str(emily.pk), "satisfaction_score": 9, "outcome": "info_request", "status": "closed"}

    closed = client.patch(f"{CONVERSATIONS}/{conversation['id']}", changes).json()

    assert (closed["status"], closed["closed_reason"], closed["assignee"]) == ("closed", "resolved", str(emily.pk))
    assert (closed["satisfaction_score"], closed["ended_at"] is not None) == (9, True)


def test_only_what_was_idle_opens_again(client: APIClient, conversation: dict[str, Any]) -> None:
    address = f"{CONVERSATIONS}/{conversation['id']}"
    client.patch(address, {"status": "closed"})
    idle = ConversationFactory(status=Conversation.Status.CLOSED, closed_reason=ClosedReason.IDLE, ended_at=AT)

    refused = client.patch(address, {"status": "active"})
    opened = client.patch(f"{CONVERSATIONS}/{idle.pk}", {"status": "active"})

    assert (refused.status_code, errors_of(refused)) == (409, {("not_idle", None)})
    assert (opened.json()["status"], opened.json()["ended_at"]) == ("active", None)


def test_an_idle_one_does_not_open_beside_an_active_one(client: APIClient, conversation: dict[str, Any]) -> None:
    customer = Customer.objects.get(pk=conversation["customer"])
    idle = ConversationFactory(
        customer=customer, status=Conversation.Status.CLOSED, closed_reason=ClosedReason.IDLE, ended_at=AT
    )

    response = client.patch(f"{CONVERSATIONS}/{idle.pk}", {"status": "active"})

    assert errors_of(response) == {("already_active", None)}


@pytest.mark.parametrize(
    ("values", "code", "attr"),
    [
        ({"satisfaction_score": 11}, "max_value", "satisfaction_score"),
        ({"subject": "x" * 501}, "max_length", "subject"),
        ({"channel": "sms"}, "immutable", "channel"),
        ({"assignee": "emily"}, "invalid", "assignee"),
        ({"metadata": []}, "not_a_dict", "metadata"),
        ({"overall_sentiment": 1}, "unknown_field", "overall_sentiment"),
    ],
)
def test_a_wrong_change_is_refused_with_its_name(
    client: APIClient, conversation: dict[str, Any], values: dict[str, Any], code: str, attr: str
) -> None:
    response = client.patch(f"{CONVERSATIONS}/{conversation['id']}", values)

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})


def test_conversations_are_listed_by_their_last_activity(client: APIClient, conversation: dict[str, Any]) -> None:
    old = ConversationFactory(last_activity_at=AT)

    rows = client.get(CONVERSATIONS).json()["results"]
    narrowed = client.get(CONVERSATIONS, {"customer": str(old.customer_id), "status": "active"}).json()["results"]

    assert [row["id"] for row in rows] == [conversation["id"], str(old.pk)]
    assert [row["id"] for row in narrowed] == [str(old.pk)]
