from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from communications.api.views import MessageDataCollection
from communications.choices import MessageStatus, Reason
from communications.models import MessageData, MessageSchema
from communications.tests.api.conftest import MESSAGES
from communications.tests.factories import MessageDataFactory, WorkingBatchFactory
from config.accounts.tests.factories import UserFactory
from config.api.listing import Cursor, _statement
from config.db import fetch_all
from config.tests.callers import client_of, errors_of
from customers.tests.factories import CustomerFactory

AT = datetime(2025, 11, 14, 15, 0, 0, 123456, tzinfo=UTC)
HOSTILE = ["\x00", "é" * 2_000, "' OR 1=1 --", "{{x}}", "%00", "😀",
           "9" * 400, "-1", "1e999", "null", "<script>", "\u202e", "\r\nX: y"]  # fmt: skip
FILTERS = [
    "customer", "appointment", "message_schema", "bulk", "recipient", "message_number", "status",
    "message_delivery_method", "purpose", "reason", "created_after", "created_before", "sent_after", "sent_before",
    "search", "cursor", "page_size", "ordering",
]  # fmt: skip


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer["results"]]


def test_the_newest_stand_first_and_a_page_leads_to_the_next_and_back(client: APIClient) -> None:
    made = [str(MessageDataFactory().pk) for _ in range(5)][::-1]

    first = client.get(MESSAGES, {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    back = client.get(third["previous"]).json()

    assert ids(first) + ids(second) + ids(third) == made
    assert ids(back) == ids(second)
    assert (first["previous"], third["next"]) == (None, None)


def test_rows_that_come_meanwhile_move_nothing(client: APIClient) -> None:
    made = [str(MessageDataFactory().pk) for _ in range(4)][::-1]

    first = client.get(MESSAGES, {"page_size": 2}).json()
    MessageDataFactory.create_batch(3)

    assert ids(client.get(first["next"]).json()) == made[2:]


def test_the_oldest_stand_first_when_asked(client: APIClient) -> None:
    made = [str(MessageDataFactory().pk) for _ in range(3)]

    first = client.get(f"{MESSAGES}/", {"page_size": 2, "ordering": "created_ts"}).json()

    assert ids(first) + ids(client.get(first["next"]).json()) == made


def test_an_empty_list_is_a_page(client: APIClient) -> None:
    assert client.get(MESSAGES).json() == {"next": None, "previous": None, "results": []}


def test_messages_are_found_by_what_narrows_them(client: APIClient, pickup: MessageSchema) -> None:
    customer = CustomerFactory()
    skipped = MessageDataFactory(
        customer=customer,
        message_schema=pickup,
        recipient="+15195550142",
        status=MessageStatus.SUPPRESSED,
        decision_reason=Reason.OPTED_OUT,
    )
    MessageDataFactory(recipient="+14165551234")

    for parameters in (
        {"customer": str(customer.pk)},
        {"message_schema": str(pickup.pk)},
        {"recipient": "(519) 555-0142"},
        {"search": "519-555-0142"},
        {"search": skipped.message_number.lower()},
        {"message_number": skipped.message_number},
        {"status": ["suppressed", "failed"]},
        {"reason": "opted_out"},
    ):
        assert ids(client.get(MESSAGES, parameters).json()) == [str(skipped.pk)], parameters


def test_messages_are_found_by_when_they_were_made(client: APIClient) -> None:
    old = MessageDataFactory(created_ts=datetime(2025, 1, 1, tzinfo=UTC))
    MessageDataFactory(created_ts=datetime(2025, 2, 1, tzinfo=UTC))

    found = client.get(MESSAGES, {"created_after": "2025-01-01T00:00:00Z", "created_before": "2025-02-01T00:00:00Z"})

    assert ids(found.json()) == [str(old.pk)]


@pytest.mark.parametrize(
    ("parameters", "code", "attr"),
    [
        ({"stauts": "failed"}, "unknown_parameter", "stauts"),
        ({"status": "lost"}, "invalid_choice", "status"),
        ({"customer": "Jane"}, "invalid", "customer"),
        ({"created_after": "yesterday"}, "invalid", "created_after"),
        ({"created_before": "9999-12-31T23:59:59-23:59"}, "invalid", "created_before"),
        ({"ordering": "recipient"}, "invalid_choice", "ordering"),
        ({"page_size": "0"}, "invalid", "page_size"),
        ({"page_size": "201"}, "invalid", "page_size"),
        ({"page_size": "²"}, "invalid", "page_size"),
        ({"cursor": "%%%"}, "invalid_cursor", "cursor"),
        ({"cursor": Cursor(value="x", pk="y").encode()}, "invalid_cursor", "cursor"),
        ({"cursor": "A" * 2_000}, "invalid_cursor", "cursor"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_name(
    client: APIClient, parameters: dict[str, str], code: str, attr: str
) -> None:
    response = client.get(MESSAGES, parameters)

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})


@pytest.mark.parametrize("parameter", FILTERS)
def test_hostile_text_in_a_parameter_is_refused_or_finds_nothing(client: APIClient, parameter: str) -> None:
    MessageDataFactory()

    for text in HOSTILE:
        response = client.get(MESSAGES, {parameter: text})

        assert response.status_code in (200, 400), (parameter, text)
        if response.status_code == 200:
            assert ids(response.json()) == [], (parameter, text)


def test_a_list_costs_the_same_queries_however_long(client: APIClient, pickup: MessageSchema) -> None:
    MessageDataFactory()
    with CaptureQueriesContext(connection) as few:
        client.get(MESSAGES, {"page_size": 200})
    for _ in range(20):
        MessageDataFactory(message_schema=pickup, batch=WorkingBatchFactory(), customer=CustomerFactory())
    with CaptureQueriesContext(connection) as many:
        client.get(MESSAGES, {"page_size": 200})

    assert len(many) == len(few) == 2  # the caller, the page


def test_a_list_is_for_those_who_may_see_messages(db: None) -> None:
    response = client_of(UserFactory()).get(MESSAGES)

    assert (response.status_code, errors_of(response)) == (403, {("permission_denied", None)})


def test_a_row_of_the_list_tells_what_the_message_tells(client: APIClient, pickup: MessageSchema) -> None:
    batch = WorkingBatchFactory()
    in_flight = MessageDataFactory(batch=batch, message_schema=pickup, metadata={"number": 2**80})
    batch.in_flight = [in_flight.pk]
    batch.save()
    MessageDataFactory(cost="0.00750", cost_currency="CAD", customer=CustomerFactory(), batch=batch)
    MessageDataFactory(status=MessageStatus.SUPPRESSED, decision_reason=Reason.OPTED_OUT, decided_ts=AT)

    for row in client.get(MESSAGES).json()["results"]:
        whole = client.get(f"{MESSAGES}/{row['id']}").json()
        assert row == {name: whole[name] for name in row}
        assert set(whole) - set(row) == {"schema_version", "content_data", "metadata", "events"}
    assert client.get(MESSAGES).json()["results"][2]["status"] == "sending"


def test_a_list_that_nobody_filters_keeps_its_plan_and_a_filtered_one_is_planned_for_its_values(
    client: APIClient,
) -> None:
    MessageDataFactory.create_batch(3)
    following = client.get(MESSAGES, {"page_size": 1}).json()["next"]

    for _ in range(8):
        assert client.get(following).status_code == 200
        assert client.get(MESSAGES, {"customer": str(uuid4()), "page_size": 1}).status_code == 200

    kept = [each for (each,) in fetch_all("SELECT statement FROM pg_prepared_statements") if "f_message_data" in each]
    assert len(kept) == 1 and '("f_message_data"."id") < ($1)' in kept[0] and 'customer_id" =' not in kept[0]


def test_a_list_that_is_picked_by_columns_of_another_table_is_a_mistake_that_is_told() -> None:
    picked = MessageData.objects.filter(customer__first_name="Jane")

    with pytest.raises(ValueError, match="by their own columns alone"):
        _statement(MessageDataCollection).page(picked, ["id"], (), descends=True)
