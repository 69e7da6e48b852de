from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db.models import Model
from uuid_utils.compat import uuid7

from config.db import copy_rows, fetch_all, fetch_prepared, is_connection_error, plain_rows

AWKWARD = "Zoë\t“quoted” \\N \\ 'single'\r\nsecond line 😀 한국어 \x7f"


def model(label: str) -> type[Model]:
    """By name: the ground imports no app."""
    return apps.get_model(label)


def message(**values: object) -> Model:
    row = {"message_number": f"MSG-2025-{uuid4().hex[:12]}", "recipient": "+14165551234", "provider": "twilio"}
    return model("communications.MessageData")(**{**row, "message_delivery_method": "SMS", **values})


def stored(row: Model) -> Model:
    return type(row).objects.get(pk=row.pk)


@pytest.mark.django_db
def test_copied_rows_come_back_as_they_were():
    customer = model("customers.Customer").objects.create(name=AWKWARD)
    at = datetime(2025, 11, 15, 19, 0, 0, 123456, tzinfo=UTC)
    rows = [
        message(customer=customer, recipient_name=AWKWARD, scheduled_ts=at, cost=Decimal("0.00790")),
        message(content_data={"variables": {"firstName": AWKWARD, "list": [1, 2.5, None, True, {"a": []}]}}),
        message(content_data={}, failed_reason="", metadata={"": ""}),
    ]
    copy_rows(rows)
    for row in rows:
        found = stored(row)
        for field in row._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(row, field.attname), field.name


@pytest.mark.django_db
def test_null_stays_null_and_is_not_the_json_null():
    row = message()
    copy_rows([row])
    assert stored(row).customer_id is None
    assert stored(row).scheduled_ts is None
    assert fetch_all("SELECT cost IS NULL, content_data = '{}' FROM f_message_data WHERE id = %s", [row.pk]) == [
        (True, True)
    ]


@pytest.mark.django_db
def test_arrays_and_bytes_are_copied_too():
    version = {"channel": "sms", "provider": "twilio", "purpose": "marketing", "state": "working"}
    ids = [uuid7(), uuid7()]
    batch = model("communications.SendBatch")(**version, lease_until=datetime(2025, 1, 1, tzinfo=UTC), in_flight=ids)
    journal = model("communications.WebhookDelivery")(provider="twilio", endpoint="sms", body=b"\x00\xff\n\\.\n")
    copy_rows([batch])
    copy_rows([journal])
    assert stored(batch).in_flight == ids
    assert bytes(stored(journal).body) == b"\x00\xff\n\\.\n"


@pytest.mark.django_db
def test_times_that_are_kept_by_themselves_are_filled():
    row = message()
    copy_rows([row])
    assert stored(row).updated_ts is not None
    assert stored(row).created_ts == row.created_ts


@pytest.mark.django_db
def test_a_copied_row_can_be_saved_again():
    row = message()
    copy_rows([row])
    row.recipient_name = "John Smith"
    row.save()
    assert stored(row).recipient_name == "John Smith"


@pytest.mark.django_db
def test_nothing_to_copy_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        copy_rows([])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "promise"),
    [
        ({"status": "pigeon"}, "message_data_status"),
        ({"recipient": ""}, "message_data_recipient"),
        ({"message_number": "MSG-2025-00001"}, "f_message_data_message_number_key"),
    ],
)
def test_a_refused_copy_names_the_promise_and_stores_nothing(values, promise):
    message(message_number="MSG-2025-00001").save()
    good = message()
    with pytest.raises(IntegrityError, match=promise), transaction.atomic():
        copy_rows([good, message(**values)])
    assert not type(good).objects.filter(pk=good.pk).exists()


@pytest.mark.django_db
def test_what_the_database_cannot_hold_is_a_data_error():
    with pytest.raises(DataError), transaction.atomic():
        copy_rows([message(content_data={"text": "a\x00b"})])
    with pytest.raises(DataError), transaction.atomic():
        copy_rows([message(error_code="x" * 51)])


def test_keys_are_time_ordered():
    keys = [message().pk for _ in range(100)]
    assert keys == sorted(keys)
    assert {key.version for key in keys} == {7}


@pytest.mark.django_db
def test_a_statement_without_rows_answers_with_none():
    assert fetch_all("SELECT %(a)s::int, 'x'", {"a": 1}) == [(1, "x")]
    assert fetch_all("CREATE TEMPORARY TABLE nothing () ON COMMIT DROP") == []


def test_only_a_database_that_is_away_is_a_connection_error():
    away = OperationalError()
    away.__cause__ = psycopg.OperationalError()
    wrong = IntegrityError()
    wrong.__cause__ = psycopg.IntegrityError()
    assert is_connection_error(away)
    assert is_connection_error(psycopg.InterfaceError())
    assert not is_connection_error(wrong)
    assert not is_connection_error(FieldDoesNotExist())


@pytest.mark.django_db
def test_what_is_asked_all_the_time_is_planned_once_and_nothing_else_is():
    for _ in range(8):
        assert fetch_prepared("SELECT name FROM customers WHERE id = %s", [uuid4()]) == []
        assert not model("customers.Customer").objects.filter(name="Jane").exists()

    prepared = [statement for (statement,) in fetch_all("SELECT statement FROM pg_prepared_statements")]

    assert prepared == ["SELECT name FROM customers WHERE id = $1"]


@pytest.mark.django_db
@pytest.mark.parametrize("keep_plan", [True, False])
def test_plain_rows_are_the_values_of_a_queryset(keep_plan: bool):
    customers = model("customers.Customer").objects
    customers.create(name=AWKWARD, attributes={"a": [1, None]})
    customers.create(name="%s %(name)s %", metadata={"%": "%"})

    rows = customers.order_by("id").values("id", "name", "attributes", "metadata", "created_at")

    for wanted in (rows, rows.filter(name="%s %(name)s %"), rows.filter(name__in=[AWKWARD, "x"])):
        assert plain_rows(*wanted.query.sql_with_params(), keep_plan=keep_plan) == list(wanted)
