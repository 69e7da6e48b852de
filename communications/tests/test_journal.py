from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.actions import journal
from communications.actions.journal import process_due, replay
from communications.models import DeliveryEvent, MessageData, WebhookDelivery
from communications.tests.engine_fixtures import at_once, fresh, waiting
from communications.tests.factories import WebhookDeliveryFactory
from interactions.models import Interaction, Message, ProcessedMessage

pytestmark = pytest.mark.django_db

SMS = {"From": "+14165551234", "To": "+15195550100", "Body": "Is anybody there?", "NumMedia": "0"}


def arrived(body: bytes | dict[str, str], *, endpoint: str = "status", query: str = "") -> WebhookDelivery:
    """A verified post that lies in the journal."""
    raw = body if isinstance(body, bytes) else urlencode(body).encode()
    url = f"https://rapport.test/api/webhooks/twilio/{endpoint}"
    return WebhookDeliveryFactory(endpoint=endpoint, url=url, query_string=query, body=raw)


def status(row: MessageData, word: str = "delivered", *, sid: str = "SM1", **more: str) -> WebhookDelivery:
    return arrived({"MessageSid": sid, "MessageStatus": word, **more}, query=f"m={row.pk}")


def sms(number: int = 1, **changes: str) -> WebhookDelivery:
    return arrived({"MessageSid": f"SM{number:032d}", **SMS, **changes}, endpoint="sms")


def now(delivery: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=delivery.pk)


def make_due() -> None:
    """The hold or the pause of everything unprocessed is over."""
    WebhookDelivery.objects.filter(state="received").update(due_at=timezone.now() - timedelta(seconds=1))


def states() -> set[str]:
    return set(WebhookDelivery.objects.values_list("state", flat=True))


# --- processed once


def test_receipts_and_messages_are_worked_off() -> None:
    [row] = waiting()
    deliveries = [status(row, "sent"), status(row), sms()]

    assert process_due() == 3

    assert fresh(row).status == "delivered"
    assert Message.objects.get().content == "Is anybody there?"
    assert states() == {"done"}
    assert all(now(each).processed_at for each in deliveries)
    assert process_due() == 0


def test_the_same_bytes_twice_are_one_message_and_one_event() -> None:
    [row] = waiting()
    for _ in range(2):
        sms()
        status(row)

    process_due()
    for _ in range(2):
        sms()
        status(row)
    process_due()

    assert (Message.objects.count(), DeliveryEvent.objects.count()) == (1, 1)
    assert states() == {"done"}
    assert ProcessedMessage.objects.count() == 8


def test_a_message_sent_again_under_its_id_with_another_text_is_kept_beside() -> None:
    sms()
    sms(Body="Something else.")

    process_due()

    assert set(Message.objects.values_list("content", flat=True)) == {"Is anybody there?", "Something else."}


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_process_each_delivery_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_AT_ONCE", 5)
    rows = waiting(10)
    for n, row in enumerate(rows):
        status(row, "sent", sid=f"SM{n}")
        status(row, sid=f"SM{n}")
        sms(n, From="+14165551234")

    processed = at_once(*[process_due] * 8)

    assert sum(processed) == 30
    assert states() == {"done"}
    assert (Message.objects.count(), DeliveryEvent.objects.count()) == (10, 20)
    assert set(MessageData.objects.values_list("status", flat=True)) == {"delivered"}
    assert len(set(Message.objects.values_list("conversation", flat=True))) == 1
    assert Interaction.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_a_delivery_that_two_workers_hold_at_once_is_processed_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first was slower than its hold; the second took it too."""
    rows = waiting(5)
    deliveries = [status(row, sid=f"SM{n}") for n, row in enumerate(rows)] + [sms(n) for n in range(5)]
    handled: list[str] = []
    real = journal.receive
    monkeypatch.setattr(journal, "receive", lambda each: (handled.append(each.channel_message_id), real(each)))

    def work(together: bool) -> None:
        for some in [deliveries[:5]] if together else [[each] for each in deliveries[:5]]:
            journal._process_receipts(some)
        for delivery in deliveries[5:]:
            journal._process_message(delivery)

    at_once(*[lambda n=n: work(n % 2 == 0) for n in range(6)])

    assert states() == {"done"}
    assert (Message.objects.count(), DeliveryEvent.objects.count()) == (5, 5)
    assert ProcessedMessage.objects.count() == 10
    assert len(handled) == len(set(handled)) == 5


def test_what_a_dead_worker_had_taken_is_taken_again_after_its_hold() -> None:
    sms()
    [taken] = journal._take()

    assert now(taken).due_at > timezone.now() + timedelta(seconds=20)
    assert process_due() == 0
    make_due()
    assert process_due() == 1
    assert Message.objects.count() == 1


def test_a_worker_that_died_in_the_middle_left_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    sms()

    def dies(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(journal, "_done", dies)
        process_due()

    assert (Message.objects.count(), ProcessedMessage.objects.count()) == (0, 0)
    make_due()
    assert process_due() == 1
    assert Message.objects.count() == 1


def test_told_to_stop_it_takes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_AT_ONCE", 2)
    for n in range(5):
        sms(n)

    assert process_due(should_stop=lambda: Message.objects.count() >= 2) == 2
    assert Message.objects.count() == 2


# --- what cannot be processed

LONG = "".join(str(uuid7()) for _ in range(300))
HOPELESS: list[tuple[str, Callable[[str], WebhookDelivery], str]] = [
    ("without our id", lambda m: arrived({"MessageSid": "SM1", "MessageStatus": "sent"}), "address"),
    ("with an id that is none", lambda m: arrived({"MessageSid": "SM1", "MessageStatus": "sent"}, query="m=1"), "m"),
    ("with a status that is none", lambda m: arrived({"MessageSid": "SM1", "MessageStatus": "x"}, query=m), "'x'"),
    ("without an id of theirs", lambda m: arrived({"MessageStatus": "sent"}, query=m), "sent"),
    ("in no encoding", lambda m: arrived(b"MessageSid=SM1&MessageStatus=sent&Body=\xff", query=m), "form"),
    ("of 501 fields", lambda m: arrived(b"MessageSid=SM1&MessageStatus=sent" + b"&a=b" * 499, query=m), "fields"),
    ("empty", lambda m: arrived(b"", query=m), "''"),
    ("an SMS without sender", lambda m: sms(From=""), "From"),
    ("an SMS from nowhere", lambda m: sms(From="+1999"), "InvalidAddress"),
]


@pytest.mark.parametrize(("make", "reason"), [case[1:] for case in HOPELESS], ids=[case[0] for case in HOPELESS])
def test_what_cannot_be_read_is_quarantined_with_its_reason_and_stops_nobody(
    make: Callable[[str], WebhookDelivery], reason: str
) -> None:
    [row] = waiting()
    before, bad, after = status(row, "sent"), make(f"m={row.pk}"), sms(7)

    process_due()

    assert (now(bad).state, now(bad).attempts) == ("quarantined", 1)
    assert reason in now(bad).reason
    assert {now(before).state, now(after).state} == {"done"}
    assert fresh(row).status == "sent"
    assert Message.objects.count() == 1


def test_nul_characters_are_left_out_and_the_message_is_taken() -> None:
    sms(Body="He\x00llo", ProfileName="Jo\x00hn")

    process_due()

    assert states() == {"done"}
    assert Message.objects.get().content == "Hello"


def test_a_value_that_no_index_holds_is_put_off_and_stops_nobody() -> None:
    bad = arrived({"MessageSid": LONG, **SMS}, endpoint="sms")
    good = sms(2)

    process_due()

    assert (now(bad).state, now(bad).attempts) == ("received", 1)
    assert now(bad).reason
    assert now(good).state == "done"


def test_an_event_of_a_message_that_is_not_there_yet_is_tried_later_and_counts_then() -> None:
    [row] = waiting()
    gone = row.pk
    MessageData.objects.filter(pk=gone).delete()
    delivery = arrived({"MessageSid": "SM1", "MessageStatus": "delivered"}, query=f"m={gone}")

    process_due()
    put_off = now(delivery)
    assert (put_off.state, put_off.attempts) == ("received", 1)
    assert "UnknownMessage" in put_off.reason
    assert timezone.now() < put_off.due_at < timezone.now() + timedelta(seconds=10)

    row.save(force_insert=True)
    make_due()
    process_due()
    assert (now(delivery).state, now(delivery).reason) == ("done", "")
    assert fresh(row).status == "delivered"


def test_an_event_of_a_message_that_never_comes_is_quarantined_at_last() -> None:
    delivery = arrived({"MessageSid": "SM1", "MessageStatus": "delivered"}, query=f"m={uuid7()}")
    pauses = []
    for _ in range(5):
        process_due()
        pauses.append((now(delivery).due_at - timezone.now()).total_seconds())
        make_due()
    process_due()

    assert (now(delivery).state, now(delivery).attempts) == ("quarantined", 6)
    assert now(delivery).reason.startswith("UnknownMessage")
    assert pauses == sorted(pauses)
    assert ProcessedMessage.objects.count() == 0


def test_a_database_that_goes_away_is_no_fault_of_the_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = sms()

    def away(*_: Any) -> None:
        raise OperationalError("the connection is closed") from psycopg.OperationalError()

    monkeypatch.setattr(journal, "receive", away)
    with pytest.raises(OperationalError):
        process_due()

    assert (now(delivery).state, now(delivery).attempts, now(delivery).reason) == ("received", 0, "")


def test_a_bug_puts_a_delivery_off_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = sms()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug with a \x00 in it")

    monkeypatch.setattr(journal, "receive", broken)
    process_due()

    assert (now(delivery).state, now(delivery).reason) == ("received", "ZeroDivisionError: a bug with a  in it")


# --- replayed


def test_what_was_quarantined_works_after_its_cause_is_mended() -> None:
    [row] = waiting()
    delivery = status(row, "fluttering")
    process_due()
    assert now(delivery).state == "quarantined"

    delivery.body = urlencode({"MessageSid": "SM1", "MessageStatus": "delivered"}).encode()
    delivery.save()
    assert replay(WebhookDelivery.objects.filter(pk=delivery.pk)) == 1
    assert (now(delivery).state, now(delivery).reason, now(delivery).attempts) == ("received", "", 0)

    process_due()
    assert (now(delivery).state, fresh(row).status) == ("done", "delivered")


def test_a_replay_of_what_was_done_changes_nothing_that_is_recorded() -> None:
    [row] = waiting()
    status(row)
    sms()
    process_due()
    before = fresh(row)

    assert replay(WebhookDelivery.objects.all()) == 2
    assert process_due() == 2

    assert states() == {"done"}
    assert (Message.objects.count(), DeliveryEvent.objects.count(), Interaction.objects.count()) == (1, 1, 2)
    after = fresh(row)
    assert (after.status, after.delivered_ts, after.sent_ts) == (before.status, before.delivered_ts, before.sent_ts)


def test_a_replay_long_after_keeps_the_time_when_it_was_received() -> None:
    [row] = waiting()
    delivery = status(row, "read")
    long_ago = timezone.now() - timedelta(days=9)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(received_at=long_ago, state="quarantined", reason="A bug.")

    replay(WebhookDelivery.objects.all())
    process_due()

    assert fresh(row).opened_ts == long_ago


def test_a_hundred_receipts_cost_one_transaction() -> None:
    for row in waiting(100):
        status(row, sid=f"SM{row.pk.hex}")
    with CaptureQueriesContext(connection) as captured:
        process_due()

    begun = [query["sql"] for query in captured if query["sql"].startswith("SAVEPOINT")]
    assert len(begun) < 10
    assert states() == {"done"}
