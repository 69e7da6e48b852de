from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from config.tests.callers import caller, errors_of
from customers.models import Customer
from customers.tests.database import at_once
from customers.tests.factories import CustomerFactory, EmployeeFactory
from interactions.models import Interaction
from interactions.tests.factories import ConversationFactory, InteractionFactory

INTERACTIONS = "/api/v1/interaction"
CALL = {
    "interaction_type": "voice_call",
    "interaction_subtype": "inbound",
    "channel": "phone",
    "interaction_ts": "2025-01-10T14:30:00Z",
    "source_system": "ivr",
}


@pytest.fixture
def client(db: None) -> APIClient:
    return caller("view_interaction", "add_interaction", "change_interaction")


@pytest.fixture
def customer(db: None) -> Customer:
    made: Customer = CustomerFactory()
    return made


@pytest.fixture
def call(client: APIClient, customer: Customer) -> dict[str, Any]:
    response = client.post(INTERACTIONS, {**CALL, "customer": str(customer.pk)})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_call_is_logged_numbered_and_counted(client: APIClient, call: dict[str, Any], customer: Customer) -> None:
    customer.refresh_from_db()
    assert call["interaction_number"].startswith("INT-")
    assert (call["lifecycle"], customer.total_interactions) == ("captured", 1)
    assert call["interaction_person_entities"][0]["person_entity_id"] == str(customer.pk)
    assert client.get(f"{INTERACTIONS}/{call['id']}").json() == call


def test_the_call_of_uc_2_grows_step_by_step(client: APIClient, call: dict[str, Any]) -> None:
    emily = EmployeeFactory()
    steps: list[dict[str, Any]] = [
        {"employee": str(emily.pk), "duration_seconds": 525, "interaction_intention_entity": "task"},
        {"metadata": {"task_id": "uuid-task-123"}, "after_call_work_seconds": 120},
        {"transcript_text": "Hello, this is Emily...", "transcript_confidence_score": "92.50"},
        {"sentiment_label": "negative", "sentiment_score": "-0.65", "sentiment_keywords": ["not working", "freezing"]},
    ]

    answers = [client.patch(f"{INTERACTIONS}/{call['id']}", step) for step in steps]

    last = answers[-1].json()
    assert [each.status_code for each in answers] == [200] * 4
    assert (last["duration_seconds"], last["after_call_work_seconds"], last["metadata"]["task_id"]) == (
        525,
        120,
        "uuid-task-123",
    )
    transcript = client.get(f"{INTERACTIONS}/{call['id']}/transcript").json()
    assert (transcript["transcript_text"], transcript["transcript_confidence_score"]) == (
        "Hello, this is Emily...",
        "92.50",
    )


def test_the_content_is_told_or_where_it_lies(client: APIClient) -> None:
    said = InteractionFactory(content_text="Hello")
    recorded = InteractionFactory(content_object_key="2025/01/INT-2025-00567-call.mp3", recording_available=True)

    texts = client.get(f"{INTERACTIONS}/{said.pk}/content").json()
    recording = client.get(f"{INTERACTIONS}/{recorded.pk}/content").json()

    assert (texts["content_text"], texts["url"]) == ("Hello", "")
    assert recording["url"].endswith("2025/01/INT-2025-00567-call.mp3")


@pytest.mark.parametrize(
    ("values", "code", "attr"),
    [
        ({"interaction_type": "fax"}, "invalid_choice", "interaction_type"),
        ({"duration_seconds": -1}, "min_value", "duration_seconds"),
        ({"duration_seconds": 10**10}, "max_value", "duration_seconds"),
        ({"sentiment_score": "1.5"}, "max_value", "sentiment_score"),
        ({"net_promoter_score": 101}, "max_value", "net_promoter_score"),
        ({"content_text": "é" * 6_000}, "max_length", "content_text"),
        ({"tags": ["x"] * 101}, "max_length", "tags"),
        ({"follow_up_due_date": "soon"}, "invalid", "follow_up_due_date"),
        ({"lifecycle": "archived"}, "unknown_field", "lifecycle"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(
    client: APIClient, customer: Customer, values: dict[str, Any], code: str, attr: str
) -> None:
    response = client.post(INTERACTIONS, {**CALL, "customer": str(customer.pk), **values})

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})
    assert not Interaction.objects.exists()


def test_a_conversation_and_an_interaction_name_one_customer(client: APIClient, call: dict[str, Any]) -> None:
    address = f"{INTERACTIONS}/{call['id']}"

    elsewhere = client.patch(address, {"conversation": str(ConversationFactory().pk)})
    other = client.patch(address, {"customer": str(CustomerFactory().pk)})

    assert errors_of(elsewhere) == {("wrong_customer", "conversation")}
    assert errors_of(other) == {("immutable", "customer")}


def test_interactions_are_listed_by_when_they_happened(client: APIClient, customer: Customer) -> None:
    for day in (10, 12, 11):
        client.post(INTERACTIONS, {**CALL, "customer": str(customer.pk), "interaction_ts": f"2025-01-{day}T14:30:00Z"})

    first = client.get(INTERACTIONS, {"customer": str(customer.pk), "page_size": 2}).json()
    rest = client.get(first["next"]).json()

    days = [each["interaction_ts"][8:10] for each in first["results"] + rest["results"]]
    assert days == ["12", "11", "10"]
    assert "content_text" not in first["results"][0]


def test_a_list_costs_the_same_queries_however_long(client: APIClient) -> None:
    InteractionFactory()
    with CaptureQueriesContext(connection) as few:
        client.get(INTERACTIONS)
    InteractionFactory.create_batch(20)
    with CaptureQueriesContext(connection) as many:
        client.get(INTERACTIONS)

    assert len(many) == len(few) == 2  # the caller, the page


@pytest.mark.django_db(transaction=True)
def test_what_another_system_logs_twice_at_once_is_there_once() -> None:
    customer = CustomerFactory()
    body = {**CALL, "customer": str(customer.pk), "external_id": "call-7"}
    callers = [caller("add_interaction", "view_interaction") for _ in range(2)]

    answers = at_once(*(lambda c=each: c.post(INTERACTIONS, body).json()["id"] for each in callers))  # type: ignore[misc]

    customer.refresh_from_db()
    assert answers[0] == answers[1]
    assert (Interaction.objects.count(), customer.total_interactions) == (1, 1)


@pytest.mark.django_db
def test_an_id_of_another_system_is_of_one_interaction_alone() -> None:
    client = caller("add_interaction", "view_interaction", "change_interaction")
    jane, john = CustomerFactory(), CustomerFactory()
    first = client.post(INTERACTIONS, {**CALL, "customer": str(jane.pk), "external_id": "call-7"})
    second = client.post(INTERACTIONS, {**CALL, "customer": str(john.pk), "external_id": "call-8"}).json()["id"]

    of_john = client.post(INTERACTIONS, {**CALL, "customer": str(john.pk), "external_id": "call-7"})
    changed = client.patch(f"{INTERACTIONS}/{second}", {"external_id": "call-7"})
    elsewhere = client.patch(f"{INTERACTIONS}/{second}", {"external_id": "call-7", "source_system": "another"})

    assert first.status_code == 201
    for refused in (of_john, changed):
        assert (refused.status_code, errors_of(refused)) == (409, {("external_id_taken", None)})
    assert elsewhere.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_customers_who_get_one_id_at_once_do_not_both_keep_it() -> None:
    bodies = [{**CALL, "customer": str(CustomerFactory().pk), "external_id": "call-7"} for _ in range(2)]
    callers = [caller("add_interaction", "view_interaction") for _ in bodies]

    pairs = zip(callers, bodies, strict=True)
    answers = at_once(*(lambda c=each, b=body: c.post(INTERACTIONS, b).status_code for each, body in pairs))  # type: ignore[misc]

    assert sorted(answers) == [201, 409]
    assert Interaction.objects.count() == 1
