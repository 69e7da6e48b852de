from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from communications.api.serializers import shown_status
from communications.choices import DecisionKind, EventKind, MessageStatus, Reason
from communications.models import MessageSchemaVersion
from communications.tests.api.conftest import MESSAGES
from communications.tests.factories import DeliveryEventFactory, MessageDataFactory, WorkingBatchFactory
from config.tests.callers import errors_of

AT = datetime(2025, 11, 14, 15, 0, tzinfo=UTC)
FIELDS = {
    "id", "message_number", "message_schema", "message_schema_code", "schema_version", "customer", "employee",
    "recipient", "recipient_name", "message_delivery_method", "channel", "purpose", "status", "decision",
    "content_data", "segment_count", "cost", "cost_currency", "scheduled_ts", "expires_ts", "sent_ts", "delivered_ts",
    "opened_ts", "clicked_ts", "failed_ts", "failed_reason", "error_code", "provider", "provider_message_id",
    "possible_duplicate", "interaction", "conversation", "resend_of", "metadata", "created_ts", "updated_ts", "events",
}  # fmt: skip


def test_a_message_shows_these_fields_and_no_others(client: APIClient) -> None:
    message = MessageDataFactory()

    response = client.get(f"{MESSAGES}/{message.pk}")

    assert response.status_code == 200
    assert set(response.json()) == FIELDS
    assert response.headers["Cache-Control"] == "no-store"


def test_a_message_without_template_and_decision_has_none(client: APIClient) -> None:
    message = MessageDataFactory()

    shown = client.get(f"{MESSAGES}/{message.pk}").json()

    assert (shown["message_schema"], shown["message_schema_code"], shown["schema_version"]) == (None, None, None)
    assert (shown["decision"], shown["cost"], shown["events"]) == (None, None, [])


def test_the_template_and_its_version_are_named(client: APIClient, reminder_version: MessageSchemaVersion) -> None:
    message = MessageDataFactory(message_schema=reminder_version.message_schema, schema_version=reminder_version)

    shown = client.get(f"{MESSAGES}/{message.pk}").json()

    assert (shown["message_schema_code"], shown["schema_version"]) == ("MSG-SCHEMA-APPT-001", 1)


def test_the_decision_says_why(client: APIClient) -> None:
    message = MessageDataFactory(
        status=MessageStatus.SUPPRESSED,
        decision=DecisionKind.SKIP,
        decision_reason=Reason.OPTED_OUT,
        decision_detail="STOP by SMS",
        decided_ts=AT,
    )

    shown = client.get(f"{MESSAGES}/{message.pk}").json()

    assert shown["status"] == "suppressed"
    assert shown["decision"] == {
        "kind": "skip",
        "reason": "opted_out",
        "detail": "STOP by SMS",
        "at": "2025-11-14T15:00:00Z",
    }


def test_events_stand_in_the_order_of_their_arrival(client: APIClient) -> None:
    message = MessageDataFactory()
    second = datetime(2025, 11, 14, 15, 2, tzinfo=UTC)
    DeliveryEventFactory(message_data=message, kind=EventKind.DELIVERED, received_at=second, occurred_at=AT)
    DeliveryEventFactory(message_data=message, kind=EventKind.ACCEPTED, received_at=AT, error_code="30003")

    shown = client.get(f"{MESSAGES}/{message.pk}").json()["events"]

    assert [event["kind"] for event in shown] == ["accepted", "delivered"]
    assert shown[0] == {
        "kind": "accepted",
        "occurred_at": None,
        "received_at": "2025-11-14T15:00:00Z",
        "error_code": "30003",
        "reason": "",
    }


def test_a_message_whose_call_is_under_way_shows_sending(client: APIClient) -> None:
    batch = WorkingBatchFactory(row_count=2)
    in_flight, waiting = MessageDataFactory(batch=batch), MessageDataFactory(batch=batch)
    batch.in_flight = [in_flight.pk]
    batch.save()

    shown = [client.get(f"{MESSAGES}/{message.pk}").json()["status"] for message in (in_flight, waiting)]

    assert shown == ["sending", "pending"]


def test_a_settled_message_shows_its_own_status_even_in_flight(db: None) -> None:
    batch = WorkingBatchFactory()
    message = MessageDataFactory(batch=batch, status=MessageStatus.SENT, sent_ts=AT)
    batch.in_flight = [message.pk]

    assert shown_status(message) is MessageStatus.SENT


@pytest.mark.parametrize(
    "id", ["01890000-0000-7000-8000-000000000000", "MSG-2025-00001", "%00", "..", "é", "0" * 5_000]
)
def test_an_unknown_message_is_not_found(client: APIClient, id: str) -> None:
    response = client.get(f"{MESSAGES}/{id}")

    assert response.status_code == 404
    assert errors_of(response) == {("not_found", None)}


def test_a_message_costs_the_same_queries_however_much_is_known_of_it(
    client: APIClient, reminder_version: MessageSchemaVersion
) -> None:
    little = MessageDataFactory()
    much = MessageDataFactory(
        message_schema=reminder_version.message_schema, schema_version=reminder_version, batch=WorkingBatchFactory()
    )
    DeliveryEventFactory.create_batch(20, message_data=much)

    assert _queries(client, f"{MESSAGES}/{much.pk}") == _queries(client, f"{MESSAGES}/{little.pk}") <= 6


def _queries(client: APIClient, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)
