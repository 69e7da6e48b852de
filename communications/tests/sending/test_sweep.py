from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from communications import wake
from communications.choices import MessageStatus, Reason
from communications.models import MessageData, SendBatch
from communications.providers.base import Outcome, SendResult
from communications.sending.claim import claim_due
from communications.sending.settle import settle
from communications.sending.slices import Slice, prepare, waiting_rows
from communications.sending.sweep import release_abandoned, sweep, take_doubts, wake_what_is_due
from communications.tests.engine_fixtures import at_once, batch_of, fresh, let_leases_run_out, make_old, waiting
from communications.tests.factories import SendBatchFactory, WebhookDeliveryFactory, WorkingBatchFactory

pytestmark = pytest.mark.django_db


def under_way(slice_size: int = 1_000) -> Slice:
    """The first slice of everything due, written down as in flight."""
    claims = claim_due("transactional", most_rows=1_000)
    return prepare(claims, [row.id for row in waiting_rows(claims)][:slice_size])


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(wake, "wake_task", names.append)
    return names


def test_when_a_lease_ran_out_what_was_in_flight_is_in_doubt_and_the_rest_goes_back() -> None:
    rows = sorted(waiting(5), key=lambda row: row.pk)
    under_way(2)
    let_leases_run_out()

    sweep()

    found = [fresh(row) for row in rows]
    assert [row.status for row in found] == ["uncertain", "uncertain", "pending", "pending", "pending"]
    assert {row.decision_reason for row in found[:2]} == {Reason.CRASHED}
    assert all(row.decided_ts for row in found[:2])
    batch = batch_of(rows[0])
    assert (batch.state, batch.in_flight, batch.lease_until, batch.deaths) == ("waiting", [], None, 1)
    assert batch.last_error
    assert [message.reference for message in under_way().outbound] == [row.pk for row in rows[2:]]


def test_a_lease_that_still_runs_is_left_alone() -> None:
    [row] = waiting()
    under_way()

    assert release_abandoned() == 0
    assert (fresh(row).status, batch_of(row).state) == ("pending", "working")


def test_what_was_settled_before_its_sender_died_is_not_in_doubt() -> None:
    sent_row, again_row = sorted(waiting(2), key=lambda row: row.pk)
    sent = under_way()
    answers = [
        SendResult(reference=sent_row.pk, outcome=Outcome.ACCEPTED, provider_message_id="SM1"),
        SendResult(reference=again_row.pk, outcome=Outcome.RETRY, error_code="429"),
    ]
    settle(sent, answers)
    let_leases_run_out()

    assert release_abandoned() == 1

    assert (fresh(sent_row).status, fresh(again_row).status) == ("sent", "pending")
    assert batch_of(again_row).state == "waiting"


def test_what_was_not_in_flight_goes_back_in_tenths_with_its_deaths() -> None:
    rows = sorted(waiting(25), key=lambda row: row.pk)
    under_way(2)
    let_leases_run_out()

    release_abandoned()

    batches = list(SendBatch.objects.order_by("id"))
    assert [batch.row_count for batch in batches] == [3] * 7 + [2]
    assert {(batch.state, batch.deaths, batch.purpose, batch.provider) for batch in batches} == {
        ("waiting", 1, "transactional", "twilio")
    }
    assert [MessageData.objects.unsettled().filter(batch=batch).count() for batch in batches] == [3] * 7 + [2]
    assert {batch_of(row).pk for row in rows[:2]} == {rows[0].batch_id}  # in doubt, where they were


def test_it_goes_to_the_back_of_the_queue() -> None:
    [dead] = waiting(due_at=timezone.now() - timedelta(hours=1))
    claim_due("transactional", most_rows=1)
    [other] = waiting(due_at=timezone.now() - timedelta(minutes=1))
    let_leases_run_out()

    release_abandoned()

    first, second = claim_due("transactional", most_rows=1), claim_due("transactional", most_rows=1)
    assert [each.batch_id for each in (*first, *second)] == [other.batch_id, dead.batch_id]


@pytest.mark.django_db(transaction=True)
def test_messages_that_somebody_holds_just_now_are_not_waited_for_and_not_lost() -> None:
    """A sender that woke up after its lease holds its messages and wants its batch: they must not wait for each other."""
    rows = sorted(waiting(20), key=lambda row: row.pk)
    claim_due("transactional", most_rows=1_000)
    let_leases_run_out()

    with transaction.atomic():
        list(MessageData.objects.select_for_update().filter(pk__in=[row.pk for row in rows[5:]]))
        assert at_once(release_abandoned) == [1]

    parent = SendBatch.objects.get(pk=rows[0].batch_id)
    assert [batch_of(row) == parent for row in rows] == [True, False, False, False, False] + [True] * 15
    assert SendBatch.objects.filter(state="waiting").count() == 5


@pytest.mark.django_db(transaction=True)
def test_sweepers_at_the_same_time_count_each_death_once() -> None:
    for _ in range(20):
        waiting(2)
    under_way()
    let_leases_run_out()

    at_once(*[sweep] * 4)

    assert set(SendBatch.objects.values_list("deaths", "state")) == {(1, "waiting")}
    assert set(MessageData.objects.values_list("status", flat=True)) == {"uncertain"}


def test_whoever_has_something_to_do_is_woken(woken: list[str]) -> None:
    SendBatchFactory()
    SendBatchFactory(purpose="marketing", due_at=timezone.now() + timedelta(hours=1))
    WebhookDeliveryFactory()

    wake_what_is_due()

    assert woken == ["communications.tasks.send_transactional", "communications.tasks.process_journal"]


def test_nobody_is_woken_for_nothing(woken: list[str]) -> None:
    WorkingBatchFactory(lease_until=timezone.now() + timedelta(minutes=1))
    WebhookDeliveryFactory(due_at=timezone.now() + timedelta(minutes=1))

    sweep()

    assert woken == []


# --- doubts


def doubt(seconds: int, **values: Any) -> MessageData:
    [row] = waiting(status=MessageStatus.UNCERTAIN, **values)
    make_old(row, seconds=seconds)
    return row


def test_a_doubt_is_looked_up_when_it_is_old_enough(settings: Any) -> None:
    settings.LOOKUP_AFTER_SECONDS = 60
    old = doubt(61)
    doubt(50)
    [sent] = waiting(status=MessageStatus.SENT, sent_ts=timezone.now())
    make_old(sent)

    assert take_doubts() == [old.pk]


def test_a_doubt_comes_up_again_only_after_the_same_time(settings: Any) -> None:
    settings.LOOKUP_AFTER_SECONDS = 60
    row = doubt(61)

    assert take_doubts() == [row.pk]
    assert take_doubts() == []
    make_old(row, seconds=61)
    assert take_doubts() == [row.pk]


def test_doubts_that_nobody_settles_do_not_stand_before_the_others() -> None:
    rows = {doubt(seconds).pk for seconds in (900, 800, 700, 600)}

    assert set(take_doubts(limit=3)) | set(take_doubts(limit=3)) == rows


@pytest.mark.django_db(transaction=True)
def test_each_doubt_is_given_to_one_of_those_who_ask_at_once() -> None:
    rows = {doubt(900).pk for _ in range(30)}

    taken = [pk for each in at_once(*[lambda: take_doubts(limit=10)] * 6) for pk in each]
    taken += take_doubts()

    assert len(taken) == len(set(taken)) == 30
    assert set(taken) == rows
