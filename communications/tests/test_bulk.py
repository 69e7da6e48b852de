"""Bulk requests: stored whole, expanded in chunks; nobody is met twice, nobody is passed over, whatever dies."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communications import tasks, wake
from communications.actions import bulk as bulks
from communications.actions.bulk import BulkRequest, expand_bulks, expand_chunk, request_bulk
from communications.exceptions import SendRefused
from communications.models import BulkSend, MessageData, SendBatch
from communications.sending.sweep import wake_what_is_due
from communications.tests.orders import template
from config.accounts.tests.factories import UserFactory
from config.tests.source import ROOT
from customers.choices import Purpose
from customers.models import Customer, Employee
from customers.tests.database import at_once
from customers.tests.factories import AppointmentFactory, CustomerFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def strangers(count: int, *, first: int = 2_000_000) -> list[dict[str, Any]]:
    return [{"recipient": f"+1416{first + number}", "recipient_name": "Alex Roe"} for number in range(count)]


def known(count: int) -> list[dict[str, Any]]:
    """Customers who are written to at an address that is named."""
    customers = Customer.objects.bulk_create(CustomerFactory.build_batch(count, first_name="Alex"))
    return [
        {"customer": str(customer.pk), "recipient": f"+1416{2_000_000 + number}"}
        for number, customer in enumerate(customers)
    ]


def asked(recipients: list[dict[str, Any]], **values: Any) -> BulkSend:
    values.setdefault("schema", None)
    schema = values.pop("schema") or template()
    return request_bulk(
        BulkRequest(**{"schema": schema, "recipients": recipients, "variables": {"orderNumber": "7"}, **values})
    )


def fresh(bulk: BulkSend) -> BulkSend:
    return BulkSend.objects.get(pk=bulk.pk)


def texts() -> Counter[str]:
    return Counter(row.content_data["finalMessage"] for row in MessageData.objects.all())


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_request_is_stored_whole_and_somebody_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "wake_task", woken.append)
    recipients = strangers(3)

    bulk = asked(recipients)

    assert (bulk.state, bulk.total, bulk.position, bulk.accepted) == ("expanding", 3, 0, 0)
    assert fresh(bulk).recipients == recipients
    assert woken == ["communications.tasks.expand_bulks"]
    assert not MessageData.objects.exists()


@pytest.mark.parametrize(
    ("values", "code"),
    [({"status": "draft"}, "schema_not_usable"), ({"message_delivery_method": "PUSH"}, "method_not_supported")],
)
def test_a_template_that_cannot_be_sent_is_refused_at_once(values: dict[str, Any], code: str) -> None:
    schema = template()
    type(schema).objects.update(**values)
    schema.refresh_from_db()

    with pytest.raises(SendRefused) as refusal:
        asked(strangers(2), schema=schema)

    assert (refusal.value.code, refusal.value.attr) == (code, "message_schema")
    assert not BulkSend.objects.exists()


def test_the_tick_wakes_for_what_nobody_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(strangers(1))
    woken: list[str] = []
    monkeypatch.setattr(wake, "wake_task", woken.append)

    wake_what_is_due()
    assert "communications.tasks.expand_bulks" in woken

    expand_bulks()
    woken.clear()
    wake_what_is_due()
    assert "communications.tasks.expand_bulks" not in woken


# --- expanding -------------------------------------------------------------------------------------------------------


def test_each_recipient_becomes_a_message_with_his_own_words(settings: Any) -> None:
    settings.BULK_CHUNK_SIZE = 2
    clerk = UserFactory()
    recipients = strangers(4)
    recipients[1] |= {"variables": {"orderNumber": "8"}, "metadata": {"row": 1}}
    bulk = request_bulk(
        BulkRequest(
            schema=template(),
            recipients=recipients,
            variables={"orderNumber": "7"},
            metadata={"list": "autumn"},
            purpose=Purpose.MARKETING,
        ),
        by=clerk,
    )

    tasks.expand_bulks()

    done = fresh(bulk)
    assert (done.state, done.position, done.accepted, done.refused) == ("done", 4, 4, [])
    assert texts() == {"Hi Alex, order 7 is ready.": 3, "Hi Alex, order 8 is ready.": 1}
    assert set(MessageData.objects.values_list("bulk", "created_by", "purpose")) == {(bulk.pk, clerk.pk, "marketing")}
    assert MessageData.objects.get(recipient="+14162000001").metadata == {"list": "autumn", "row": 1}
    assert MessageData.objects.get(recipient="+14162000000").metadata == {"list": "autumn"}
    assert sorted(SendBatch.objects.values_list("row_count", flat=True)) == [2, 2]


def test_customers_employees_and_appointments_are_found_by_their_ids(john: Customer, emily: Employee) -> None:
    visit = AppointmentFactory(customer=john, employee=emily)
    recipients = [{"customer": str(john.pk), "appointment": str(visit.pk)}, {"employee": str(emily.pk)}]

    asked(recipients, schema=template("Order {{orderNumber}}."))
    expand_bulks()

    assert set(MessageData.objects.values_list("customer", "employee", "appointment")) == {
        (john.pk, None, visit.pk),
        (None, emily.pk, None),
    }


def test_times_hold_for_all() -> None:
    later = timezone.now() + HOUR

    asked(strangers(2), scheduled_at=later, expires_at=later + HOUR)
    expand_bulks()

    assert set(MessageData.objects.values_list("status", "scheduled_ts", "expires_ts")) == {
        ("scheduled", later, later + HOUR)
    }
    assert SendBatch.objects.get().due_at == later


def test_who_cannot_be_taken_is_told_by_his_place_and_stops_nobody(settings: Any, john: Customer) -> None:
    settings.BULK_CHUNK_SIZE = 5
    foreign, nobody = AppointmentFactory(), str(uuid4())
    recipients = [
        {"recipient": "+1416"},
        {"recipient": "+14162000001", "recipient_name": "Alex Roe"},
        {"customer": nobody},
        {"recipient": "+14162000003", "variables": {"firstName": "Kim"}},
        {"customer": str(CustomerFactory(first_name="Alex").pk)},
        {"recipient": "+14162000005"},
        {"customer": str(john.pk), "appointment": str(foreign.pk)},
        {"employee": nobody},
    ]

    bulk = asked(recipients)
    expand_bulks()

    done = fresh(bulk)
    assert (done.state, done.position, done.accepted) == ("done", 8, 2)
    assert [(each["index"], each["code"], each["attr"]) for each in done.refused] == [
        (0, "invalid_phone", "recipient"),
        (2, "does_not_exist", "customer"),
        (4, "no_address", "customer"),
        (5, "missing_variable", "variables"),
        (6, "foreign_appointment", "appointment"),
        (7, "does_not_exist", "employee"),
    ]
    assert all(each["detail"] for each in done.refused)
    assert texts() == {"Hi Alex, order 7 is ready.": 1, "Hi Kim, order 7 is ready.": 1}
    assert set(MessageData.objects.values_list("bulk", flat=True)) == {bulk.pk}


def test_a_template_that_was_withdrawn_meanwhile_refuses_everybody_left(settings: Any) -> None:
    settings.BULK_CHUNK_SIZE = 2
    schema = template()
    bulk = asked(strangers(4), schema=schema)
    expand_chunk(bulk.pk)
    type(schema).objects.update(status="archived")

    expand_bulks()

    done = fresh(bulk)
    assert (done.state, done.accepted) == ("done", 2)
    assert [(each["index"], each["code"]) for each in done.refused] == [
        (2, "schema_not_usable"),
        (3, "schema_not_usable"),
    ]


def test_ten_thousand_cost_the_same_for_each_chunk(settings: Any) -> None:
    bulk = asked(known(10_000))
    costs = []

    more = True
    while more:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            more = expand_chunk(bulk.pk)
        costs.append(len(queries))

    assert len(costs) == 20 and len(set(costs[1:])) == 1 and costs[1] <= 20
    assert (fresh(bulk).state, fresh(bulk).accepted) == ("done", 10_000)
    assert MessageData.objects.filter(bulk=bulk).values("recipient").distinct().count() == 10_000
    assert SendBatch.objects.count() == 20


def test_one_request_in_trouble_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble, fine = asked(strangers(2)), asked(strangers(2, first=3_000_000))

    def read(bulk: BulkSend, recipients: Any) -> Any:
        if bulk.pk == trouble.pk:
            raise RuntimeError("a bug")
        return real(bulk, recipients)

    real = bulks.read
    monkeypatch.setattr(bulks, "read", read)
    expand_bulks()

    assert (fresh(trouble).state, fresh(fine).state) == ("expanding", "done")
    monkeypatch.undo()
    expand_bulks()
    assert (fresh(trouble).state, fresh(trouble).accepted) == ("done", 2)


def test_a_worker_that_is_told_to_stop_leaves_the_rest() -> None:
    bulk = asked(strangers(2))

    expand_bulks(should_stop=lambda: True)

    assert (fresh(bulk).position, MessageData.objects.count()) == (0, 0)


# --- dying and racing ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2, 4])
def test_who_dies_while_expanding_leaves_whole_chunks_and_the_next_goes_on(settings: Any, time: int) -> None:
    settings.BULK_CHUNK_SIZE = 10
    bulk = asked(strangers(35))

    assert _expand_in_a_process(f"mid_expand:{time}") == -signal.SIGKILL

    left = fresh(bulk)
    assert (left.position, left.accepted, left.state) == ((time - 1) * 10, (time - 1) * 10, "expanding")
    assert MessageData.objects.count() == left.position

    assert _expand_in_a_process("") == 0
    assert (fresh(bulk).state, fresh(bulk).accepted) == ("done", 35)
    assert MessageData.objects.values("recipient").distinct().count() == MessageData.objects.count() == 35


def _expand_in_a_process(failpoint: str) -> int:
    database = urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        **os.environ,
        "DATABASE_URL": database.geturl(),
        "RAPPORT_FAILPOINT": failpoint,
        "BULK_CHUNK_SIZE": "10",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    code = "import django; django.setup(); from communications.actions.bulk import expand_bulks; expand_bulks()"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, timeout=60).returncode


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_expand_at_once_each_recipient_is_met_once(settings: Any) -> None:
    settings.BULK_CHUNK_SIZE = 7
    requests = [asked(strangers(50, first=2_000_000 + number * 1_000)) for number in range(3)]

    at_once(*[expand_bulks] * 8)
    expand_bulks()

    assert [(fresh(bulk).state, fresh(bulk).accepted) for bulk in requests] == [("done", 50)] * 3
    assert MessageData.objects.values("recipient").distinct().count() == MessageData.objects.count() == 150


@pytest.mark.django_db(transaction=True)
def test_two_requests_to_the_same_strangers_do_not_make_them_twice(settings: Any) -> None:
    settings.BULK_CHUNK_SIZE = 10
    requests = [asked(strangers(40)), asked(list(reversed(strangers(40))))]

    at_once(*[expand_bulks] * 4)
    expand_bulks()

    assert [fresh(bulk).accepted for bulk in requests] == [40, 40]
    assert (Customer.objects.count(), MessageData.objects.count()) == (40, 80)
