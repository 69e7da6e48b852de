"""Posts of many events: what makes trouble is found and put off by itself, and everything else counts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.actions import journal
from communications.actions.journal import process_due, replay
from communications.models import DeliveryEvent, MessageData, WebhookDelivery
from communications.providers import registry
from communications.providers.base import DeliveryReceipt, StoredRequest
from communications.tests.engine_fixtures import fresh, waiting
from communications.tests.factories import WebhookDeliveryFactory
from interactions.models import ProcessedMessage

pytestmark = pytest.mark.django_db


def element(message_id: Any, event: str = "delivered", **more: Any) -> dict[str, Any]:
    at = int(timezone.now().timestamp())
    return {"m": str(message_id), "event": event, "sg_event_id": uuid7().hex, "timestamp": at, **more}


def post(*elements: Any) -> WebhookDelivery:
    """A verified post of SendGrid's that lies in the journal."""
    return WebhookDeliveryFactory(provider="sendgrid", endpoint="events", body=json.dumps(elements).encode())


def mails(number: int = 1) -> list[MessageData]:
    values = {"message_delivery_method": "EMAIL", "provider": "sendgrid"}
    return waiting(number, status="sent", sent_ts=timezone.now(), **values)


def now(delivery: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=delivery.pk)


def make_due() -> None:
    WebhookDelivery.objects.filter(state="received").update(due_at=timezone.now() - timedelta(seconds=1))


def delivered() -> int:
    return MessageData.objects.filter(status="delivered").count()


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements whose event is called a click have an id that the database refuses."""
    real = registry.get("sendgrid").parse_events

    def parse(stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        for receipt in real(stored):
            yield replace(receipt, event_id="x" * 200) if receipt.kind == "clicked" else receipt

    monkeypatch.setattr(registry.get("sendgrid"), "parse_events", parse)


# --- messages that are not there


def test_an_unknown_message_holds_nobody_back_and_counts_when_it_is_there() -> None:
    rows = mails(20)
    late = rows.pop()
    MessageData.objects.filter(pk=late.pk).delete()
    delivery = post(*(element(row.pk) for row in rows), element(late.pk))
    other = post(element(rows[0].pk, "open"))

    process_due()

    assert (delivered(), now(other).state) == (19, "done")
    put_off = now(delivery)
    assert (put_off.state, put_off.attempts) == ("received", 1)
    assert put_off.reason == f"UnknownMessage: No message has the id {late.pk}."
    assert timezone.now() < put_off.due_at < timezone.now() + timedelta(seconds=10)

    late.save(force_insert=True)
    make_due()
    process_due()
    assert (now(delivery).state, now(delivery).reason, delivered()) == ("done", "", 20)
    assert DeliveryEvent.objects.count() == 21


def test_what_never_comes_is_quarantined_and_named_and_the_others_counted_once() -> None:
    [row] = mails()
    strangers = [uuid7() for _ in range(3)]
    delivery = post(element(row.pk, "open"), *(element(stranger) for stranger in strangers))

    for _ in range(6):
        process_due()
        make_due()

    at_last = now(delivery)
    assert (at_last.state, at_last.attempts) == ("quarantined", 6)
    assert at_last.reason.startswith("3 of its events could not be applied.")
    assert all(str(stranger) in at_last.reason for stranger in strangers)
    assert (DeliveryEvent.objects.count(), fresh(row).open_count) == (1, 1)
    assert not ProcessedMessage.objects.exists()


def test_a_replay_after_the_message_has_come_ends_well() -> None:
    [row] = mails()
    MessageData.objects.filter(pk=row.pk).delete()
    delivery = post(element(row.pk))
    for _ in range(6):
        process_due()
        make_due()
    row.save(force_insert=True)

    replay(WebhookDelivery.objects.all())
    process_due()

    assert (now(delivery).state, fresh(row).status) == ("done", "delivered")


# --- elements that make trouble


@pytest.mark.usefixtures("poisoned")
def test_one_bad_element_costs_its_own_delivery_alone() -> None:
    rows = mails(60)
    posts = [post(*(element(row.pk) for row in rows[n : n + 20])) for n in (0, 20)]
    bad = post(*(element(row.pk) for row in rows[40:]), element(rows[40].pk, "click"))

    process_due()

    assert delivered() == 60
    assert {now(each).state for each in posts} == {"done"}
    assert (now(bad).state, now(bad).attempts) == ("received", 1)
    assert "too long" in now(bad).reason
    assert fresh(rows[40]).click_count == 0

    for _ in range(5):
        make_due()
        process_due()
    assert now(bad).state == "quarantined"


@pytest.mark.usefixtures("poisoned")
def test_what_makes_trouble_is_found_in_few_tries() -> None:
    rows = mails(64)
    post(*(element(row.pk) for row in rows), element(rows[0].pk, "click"))

    with CaptureQueriesContext(connection) as captured:
        process_due()

    assert delivered() == 64
    stored = [query for query in captured if "INSERT INTO delivery_events" in query["sql"]]
    assert len(stored) <= 16


def test_an_unreadable_post_among_many_costs_nothing_but_itself() -> None:
    rows = mails(30)
    good = [post(element(row.pk)) for row in rows]
    bad = WebhookDeliveryFactory(provider="sendgrid", endpoint="events", body=b"no JSON")

    with CaptureQueriesContext(connection) as captured:
        process_due()

    assert {now(each).state for each in good} == {"done"}
    assert (now(bad).state, delivered()) == ("quarantined", 30)
    assert len([query for query in captured if "INSERT INTO delivery_events" in query["sql"]]) == 1


def test_elements_that_are_not_ours_are_left_out() -> None:
    [row] = mails()
    delivery = post(element(row.pk), {"event": "delivered"}, "text", None, element("no id"))

    process_due()

    assert (now(delivery).state, delivered()) == ("done", 1)


def test_what_only_the_commit_reveals_is_looked_for_delivery_by_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = mails(3)
    posts = [post(element(row.pk)) for row in rows]
    real = journal._done

    def refuse(ids: Any) -> None:
        real(ids)
        if posts[1].pk in ids:
            raise IntegrityError("a deferred constraint")

    monkeypatch.setattr(journal, "_done", refuse)
    process_due()

    assert [now(each).state for each in posts] == ["done", "received", "done"]
    assert "a deferred constraint" in now(posts[1]).reason
    assert delivered() == 2


# --- how much at once


def test_a_post_of_a_thousand_events_costs_as_many_statements_as_one() -> None:
    costs = []
    for number in (1, 1, 1_000):
        post(*(element(row.pk) for row in mails(number)))
        with CaptureQueriesContext(connection) as captured:
            assert process_due() == 1
        costs.append(len(captured))

    assert costs[1] == costs[2]
    assert delivered() == 1_002


def test_large_posts_are_taken_a_few_at_a_time_and_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_BYTES_AT_ONCE", 300)
    rows = mails(4)
    for row in rows:
        post(element(row.pk), element(row.pk, "open", useragent="x" * 200))

    assert len(journal._take()) == 1
    make_due()
    assert process_due() == 4
    assert delivered() == 4
