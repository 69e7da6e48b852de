from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from config.tests.callers import caller, errors_of
from customers.actions.customers import change_customer, make_customer
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus, SuppressionReason
from customers.models import Customer, CustomerIdentifier
from customers.tests.database import at_once
from customers.tests.factories import ConsentEventFactory, CustomerFactory, SuppressionFactory

CUSTOMERS = "/api/v1/customer"
JANE = {"first_name": "Jane", "last_name": "Doe", "primary_email": "Jane@Example.com", "phone": "(519) 555-0142"}


@pytest.fixture
def client(db: None) -> APIClient:
    return caller("view_customer", "add_customer", "change_customer")


def made(client: APIClient, **values: Any) -> dict[str, Any]:
    response = client.post(CUSTOMERS, {**JANE, **values})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_customer_is_made_and_his_addresses_lead_to_him(client: APIClient) -> None:
    response = client.post(
        CUSTOMERS, {**JANE, "identifiers": [{"identifier_type": "chat", "identifier_value": "jane-1"}]}
    )

    body = response.json()
    assert (body["primary_email"], body["phone"]) == ("jane@example.com", "+15195550142")
    kinds = {each["identifier_type"]: each["identifier_value"] for each in body["identifiers"]}
    assert kinds == {"email": "jane@example.com", "phone": "+15195550142", "chat": "jane-1"}
    assert client.get(response.headers["Location"] + "/").json() == body


@pytest.mark.parametrize(
    ("values", "code", "attr"),
    [
        ({"primary_email": "jane"}, "invalid_email", "primary_email"),
        ({"phone": "12"}, "invalid_phone", "phone"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "time_zone"),
        ({"country": "C1"}, "country", "country"),
        ({"language": "english!"}, "language", "language"),
        ({"frist_name": "x"}, "unknown_field", "frist_name"),
        ({"first_name": "x" * 101}, "max_length", "first_name"),
        ({"attributes": {"a": "x" * 20_001}}, "max_length", "attributes"),
        ({"identifiers": [{"identifier_type": "fax", "identifier_value": "1"}]}, "invalid_choice", "identifiers.0.identifier_type"),
        ({"identifiers": [{"identifier_type": "email", "identifier_value": "x"}]}, "invalid_email", "identifiers.0.identifier_value"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_with_its_name(
    client: APIClient, values: dict[str, Any], code: str, attr: str
) -> None:
    response = client.post(CUSTOMERS, {**JANE, **values})

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})
    assert not Customer.objects.exists()


def test_nobody_at_all_is_no_customer(client: APIClient) -> None:
    assert errors_of(client.post(CUSTOMERS, {"city": "Windsor"})) == {("nobody", "non_field_errors")}


def test_an_address_leads_to_one_customer_alone(client: APIClient) -> None:
    made(client)

    response = client.post(CUSTOMERS, {"first_name": "John", "phone": "519 555 0142"})

    assert (response.status_code, errors_of(response)) == (409, {("address_taken", None)})
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_are_made_at_the_same_moment_do_not_share_an_address() -> None:
    first, second = (caller("add_customer", "view_customer") for _ in range(2))

    answers = at_once(*(lambda c=each: c.post(CUSTOMERS, JANE).status_code for each in (first, second)))  # type: ignore[misc]

    assert sorted(answers) == [201, 409]
    assert CustomerIdentifier.objects.count() == 2


def test_a_customer_is_changed_and_the_rest_stays(client: APIClient) -> None:
    jane = made(client, metadata={"crm": 7})

    changed = client.patch(f"{CUSTOMERS}/{jane['id']}", {"last_name": "Miller", "phone": "+14165551234"}).json()

    assert (changed["first_name"], changed["last_name"], changed["metadata"]) == ("Jane", "Miller", {"crm": 7})
    values = {each["identifier_value"] for each in changed["identifiers"]}
    assert values == {"jane@example.com", "+15195550142", "+14165551234"}


@pytest.mark.parametrize("term", ["jane@EXAMPLE.com", "519-555-0142", "Jane", "doe", "Jane Do"])
def test_a_customer_is_found_by_address_and_name(client: APIClient, term: str) -> None:
    jane = made(client)
    CustomerFactory(first_name="Emily", last_name="Stone")

    found = client.get(CUSTOMERS, {"search": term}).json()["results"]

    assert [each["id"] for each in found] == [jane["id"]]


def test_a_customer_tells_what_may_be_sent_and_why(client: APIClient) -> None:
    jane = made(client)
    when = datetime(2025, 11, 14, 15, 0, tzinfo=UTC)
    yes = {"channel": "email", "address": "jane@example.com", "status": ConsentStatus.OPT_IN, "occurred_at": when}
    ConsentEventFactory(**yes, purpose=ConsentPurpose.MARKETING, source=ConsentSource.WEB)
    SuppressionFactory(channel="sms", address="+15195550142", reason=SuppressionReason.HARD_BOUNCE)

    told = {each["channel"]: each for each in client.get(f"{CUSTOMERS}/{jane['id']}").json()["consent"]}

    silent = {"status": None, "since": None, "source": None}
    assert told["email"] == {
        "channel": "email",
        "address": "jane@example.com",
        "transactional": {"allowed": True, **silent},
        "marketing": {"allowed": True, "status": "opt_in", "since": "2025-11-14T15:00:00Z", "source": "web"},
        "blocked": None,
    }
    assert told["sms"]["marketing"] == {"allowed": False, **silent}
    assert told["sms"]["blocked"]["reason"] == "hard_bounce"


def test_a_list_and_a_customer_cost_the_same_queries_however_much_there_is(client: APIClient) -> None:
    jane = made(client)
    with CaptureQueriesContext(connection) as few:
        client.get(CUSTOMERS)
        client.get(f"{CUSTOMERS}/{jane['id']}")
    CustomerFactory.create_batch(20)
    client.patch(
        f"{CUSTOMERS}/{jane['id']}",
        {"identifiers": [{"identifier_type": "chat", "identifier_value": f"jane-{n}"} for n in range(9)]},
    )
    with CaptureQueriesContext(connection) as many:
        client.get(CUSTOMERS)
        client.get(f"{CUSTOMERS}/{jane['id']}")

    assert len(many) == len(few) <= 9


def test_a_change_writes_nothing_but_what_was_changed(client: APIClient) -> None:
    jane = made(client, notes="Old")
    read_before = Customer.objects.get(pk=jane["id"])
    Customer.objects.filter(pk=jane["id"]).update(total_interactions=5, notes="Somebody else's")

    change_customer(read_before, {"city": "Windsor"})

    stands = Customer.objects.get(pk=jane["id"])
    assert (stands.city, stands.total_interactions, stands.notes) == ("Windsor", 5, "Somebody else's")


def test_a_merged_customer_is_not_changed(client: APIClient) -> None:
    jane, other = made(client), CustomerFactory()
    Customer.objects.filter(pk=jane["id"]).update(merged_into=other, merged_at=other.created_at)

    chat = {"identifier_type": "chat", "identifier_value": "jane-9"}
    response = client.patch(f"{CUSTOMERS}/{jane['id']}", {"identifiers": [chat]})

    assert (response.status_code, errors_of(response)) == (409, {("merged", None)})
    assert not CustomerIdentifier.objects.filter(identifier_value="jane-9").exists()


def test_a_phone_that_leads_elsewhere_stands_in_no_other_changes_way(client: APIClient) -> None:
    made(client)
    housemate = CustomerFactory(phone="+15195550142")

    response = client.patch(f"{CUSTOMERS}/{housemate.pk}", {"notes": "Shares a phone"})

    assert (response.status_code, response.json()["notes"]) == (200, "Shares a phone")


@pytest.mark.django_db
def test_what_cannot_be_stored_is_not_called_somebody_elses() -> None:
    with pytest.raises(IntegrityError):
        make_customer({"first_name": None})
