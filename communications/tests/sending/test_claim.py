from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from communications.models import SendBatch
from communications.sending.claim import Claim, claim_due, finish, lock_batches, mark_in_flight, next_due, release
from communications.tests.engine_fixtures import at_once, batch_of, let_leases_run_out, make_due, waiting
from communications.tests.factories import SendBatchFactory

TRANSACTIONAL = "transactional"


def claim(most_rows: int = 256, purpose: str = TRANSACTIONAL) -> list[Claim]:
    return claim_due(purpose, most_rows=most_rows)


def state(batch: SendBatch) -> str:
    return SendBatch.objects.get(pk=batch.pk).state


@pytest.mark.django_db(transaction=True)
def test_eight_workers_that_claim_at_once_get_every_batch_once() -> None:
    batches = [SendBatchFactory(row_count=100) for _ in range(60)]

    def claim_until_nothing_is_left() -> list[Claim]:
        mine: list[Claim] = []
        while claimed := claim():
            mine += claimed
        return mine

    claims = [each for worker in at_once(*[claim_until_nothing_is_left] * 8) for each in worker]

    claims += claim_until_nothing_is_left()  # whoever looked while all were locked went away
    assert Counter(each.batch_id for each in claims) == Counter(batch.pk for batch in batches)
    assert {each.attempt for each in claims} == {1}


@pytest.mark.django_db
def test_a_claim_takes_about_as_many_rows_as_asked_for_and_one_batch_at_least() -> None:
    for rows in (200, 100, 50, 1_000):
        SendBatchFactory(row_count=rows)

    sizes = []
    while claimed := claim(256):
        sizes.append(sorted(SendBatch.objects.get(pk=each.batch_id).row_count for each in claimed))

    assert sorted(sizes) == [[50, 200], [100], [1_000]]


@pytest.mark.django_db
def test_a_claim_is_of_one_provider_and_one_channel() -> None:
    old, now = timezone.now() - timedelta(hours=1), timezone.now()
    first = SendBatchFactory(due_at=old)
    same = SendBatchFactory(due_at=now)
    SendBatchFactory(provider="sendgrid", due_at=old + timedelta(seconds=1))
    SendBatchFactory(channel="whatsapp", due_at=old + timedelta(seconds=2))

    assert {each.batch_id for each in claim()} == {first.pk, same.pk}
    assert [[each.provider, each.channel] for each in claim()] == [["sendgrid", "sms"]]
    assert [[each.provider, each.channel] for each in claim()] == [["twilio", "whatsapp"]]
    assert claim() == []


@pytest.mark.django_db
def test_only_what_is_due_and_waits_and_is_of_this_purpose_is_claimed() -> None:
    SendBatchFactory(due_at=timezone.now() + timedelta(minutes=1))
    SendBatchFactory(purpose="marketing")
    for gone in ("done", "cancelled", "parked"):
        SendBatchFactory(state=gone)

    assert claim() == []
    assert len(claim(purpose="marketing")) == 1


@pytest.mark.django_db
def test_a_claim_is_a_lease_with_an_attempt_and_a_name(settings) -> None:
    settings.SEND_LEASE_SECONDS = 30
    SendBatchFactory(attempt=4, last_error="The lease ran out.")

    [mine] = claim()

    batch = SendBatch.objects.get(pk=mine.batch_id)
    assert (batch.state, batch.attempt, mine.attempt) == ("working", 5, 5)
    assert timedelta(seconds=20) < batch.lease_until - timezone.now() <= timedelta(seconds=31)
    assert batch.claimed_by
    assert batch.last_error == ""


@pytest.mark.django_db
def test_what_is_given_back_can_be_claimed_again_and_what_is_done_cannot() -> None:
    batch = SendBatchFactory()

    release(claim())
    assert state(batch) == "waiting"
    [mine] = claim()
    assert mine.attempt == 2
    finish([mine])

    assert state(batch) == "done"
    assert claim() == []


@pytest.mark.django_db
def test_who_lost_his_claim_can_neither_mark_nor_finish_nor_give_back() -> None:
    [row] = waiting()
    [lost] = claim()
    SendBatch.objects.filter(pk=lost.batch_id).update(attempt=2, claimed_by="another")

    assert mark_in_flight([lost], [(lost.batch_id, row.pk)]) == set()
    assert lock_batches([lost]) == set()
    finish([lost])
    release([lost])

    batch = batch_of(row)
    assert (batch.state, batch.claimed_by, batch.in_flight) == ("working", "another", [])


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["cancelled", "parked"])
def test_a_batch_that_was_stopped_is_no_longer_ours(state: str) -> None:
    [stopped], [goes_on] = waiting(), waiting()
    claims = claim()
    SendBatch.objects.filter(pk=stopped.batch_id).update(state=state, lease_until=None)

    ours = mark_in_flight(claims, [(row.batch_id, row.pk) for row in (stopped, goes_on)])

    assert ours == {goes_on.batch_id}
    assert batch_of(goes_on).in_flight == [goes_on.pk]


@pytest.mark.django_db
def test_marking_renews_the_lease_and_replaces_what_was_in_flight() -> None:
    rows = waiting(3)
    claims = claim()
    mark_in_flight(claims, [(row.batch_id, row.pk) for row in rows[:2]])
    let_leases_run_out()

    mark_in_flight(claims, [(rows[2].batch_id, rows[2].pk)])

    batch = batch_of(rows[0])
    assert batch.in_flight == [rows[2].pk]
    assert batch.lease_until > timezone.now()


@pytest.mark.django_db
def test_the_next_due_time_is_told_by_purpose() -> None:
    soon = timezone.now() + timedelta(minutes=5)
    SendBatchFactory(due_at=soon)
    SendBatchFactory(due_at=soon + timedelta(minutes=5))

    assert (next_due(TRANSACTIONAL), next_due("marketing")) == (soon, None)
    make_due()
    assert len(claim()) == 2
