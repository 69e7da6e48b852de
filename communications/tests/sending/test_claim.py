from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from communications.choices import MessageStatus
from communications.models import SendBatch
from communications.sending.claim import (
    Claim,
    claim_due,
    due_within,
    finish,
    lock_batches,
    mark_in_flight,
    put_off,
    release,
)
from communications.tests.engine_fixtures import at_once, batch_of, let_leases_run_out, make_due, waiting
from communications.tests.factories import ProviderCircuitFactory, SendBatchFactory

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
def test_what_is_put_off_comes_up_at_its_time_and_what_has_nothing_left_is_done() -> None:
    [waits, _], [sent] = waiting(2), waiting(1, status=MessageStatus.SENT, sent_ts=timezone.now())
    claims = claim()

    put_off(claims, 60)

    batch = batch_of(waits)
    assert (batch.state, batch.lease_until, batch.claimed_by, batch.attempt) == ("waiting", None, "", 1)
    assert timedelta(seconds=50) < batch.due_at - timezone.now() <= timedelta(seconds=60)
    assert state(batch_of(sent)) == "done"
    assert claim() == []
    make_due()
    assert [each.attempt for each in claim()] == [2]


@pytest.mark.django_db
def test_who_lost_his_claim_puts_nothing_off() -> None:
    [row] = waiting()
    [lost] = claim()
    SendBatch.objects.filter(pk=lost.batch_id).update(attempt=2, claimed_by="another")

    put_off([lost], 60)

    batch = batch_of(row)
    assert (batch.state, batch.claimed_by, batch.due_at) == ("working", "another", row.batch.due_at)


@pytest.mark.django_db
def test_how_long_until_something_is_due_is_told_by_purpose() -> None:
    soon = timezone.now() + timedelta(minutes=5)
    SendBatchFactory(due_at=soon)
    SendBatchFactory(due_at=soon + timedelta(minutes=5))

    assert due_within(TRANSACTIONAL) is None
    assert due_within(TRANSACTIONAL, 200) is None
    assert due_within(TRANSACTIONAL, 400) == pytest.approx(300, abs=10)
    assert due_within("marketing", 400) is None
    make_due()
    assert due_within(TRANSACTIONAL) == 0
    assert len(claim()) == 2
    assert due_within(TRANSACTIONAL, 400) is None


# --- a provider whose circuit is open


def open_circuit(provider: str = "twilio", *, probe_in: float = 60) -> None:
    probe_at = timezone.now() + timedelta(seconds=probe_in)
    ProviderCircuitFactory(provider=provider, state="open", openings=1, opened_at=timezone.now(), probe_at=probe_at)


@pytest.mark.django_db
def test_batches_of_a_provider_whose_circuit_is_open_are_passed_over() -> None:
    blocked = [SendBatchFactory(due_at=timezone.now() - timedelta(hours=1)) for _ in range(3)]
    free = SendBatchFactory(provider="sendgrid", channel="email")
    open_circuit()
    ProviderCircuitFactory(provider="sendgrid", calls=5)

    [mine] = claim()

    assert mine.batch_id == free.pk
    assert (mine.probe, mine.slice_rows) == (False, 256)
    assert claim() == []
    assert {state(batch) for batch in blocked} == {"waiting"}
    assert {SendBatch.objects.get(pk=batch.pk).attempt for batch in blocked} == {0}
    assert due_within(TRANSACTIONAL) is None
    assert due_within(TRANSACTIONAL, 100) == pytest.approx(60, abs=10)


@pytest.mark.django_db
def test_when_its_probe_is_due_one_batch_is_claimed_for_one_message() -> None:
    old = timezone.now() - timedelta(hours=1)
    first = SendBatchFactory(due_at=old, row_count=1_000)
    SendBatchFactory(due_at=old + timedelta(seconds=1))
    free = SendBatchFactory(provider="sendgrid", channel="email")
    open_circuit(probe_in=-1)

    [probe] = claim()

    assert (probe.batch_id, probe.probe, probe.slice_rows) == (first.pk, True, 1)
    assert [each.batch_id for each in claim()] == [free.pk]
    assert claim() == []


@pytest.mark.django_db
def test_without_a_batch_that_is_due_no_probe_is_taken() -> None:
    open_circuit(probe_in=-1)

    assert claim() == []
    SendBatchFactory()
    assert [each.probe for each in claim()] == [True]


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_come_at_once_one_gets_the_probe_and_the_others_what_else_is_due() -> None:
    for _ in range(6):
        SendBatchFactory(due_at=timezone.now() - timedelta(hours=1))
    free = SendBatchFactory(provider="sendgrid", channel="email")
    open_circuit(probe_in=-1)

    claims = [each for claimed in at_once(*[claim] * 6) for each in claimed]

    claims += claim()  # whoever looked while all were locked went away
    assert [each.batch_id for each in claims if not each.probe] == [free.pk]
    assert len([each for each in claims if each.probe]) == 1


# --- batches that killed a sender


@pytest.mark.django_db
def test_what_killed_a_sender_is_claimed_in_tenths_and_with_its_like_alone() -> None:
    old = timezone.now() - timedelta(hours=1)
    for number in range(30):
        SendBatchFactory(deaths=1, due_at=old + timedelta(seconds=number))
    SendBatchFactory(deaths=2, due_at=old + timedelta(seconds=40))
    SendBatchFactory(deaths=2, due_at=old + timedelta(seconds=41))
    SendBatchFactory(deaths=2, due_at=old + timedelta(seconds=42))
    SendBatchFactory(deaths=1, row_count=100, due_at=old + timedelta(seconds=43))
    SendBatchFactory()

    rounds = []
    while claimed := claim(256):
        deaths = {SendBatch.objects.get(pk=each.batch_id).deaths for each in claimed}
        rounds.append((len(claimed), claimed[0].slice_rows, *deaths))

    assert rounds == [(25, 25, 1), (5, 25, 1), (2, 2, 2), (1, 2, 2), (1, 25, 1), (1, 256, 0)]


@pytest.mark.django_db
def test_a_process_works_on_one_suspect_at_a_time_and_on_others_besides() -> None:
    old = timezone.now() - timedelta(hours=1)
    suspects = [SendBatchFactory(deaths=3, due_at=old + timedelta(seconds=number)) for number in range(2)]
    innocent = SendBatchFactory()

    [suspect] = claim()

    assert (suspect.batch_id, suspect.slice_rows) == (suspects[0].pk, 1)
    assert [each.batch_id for each in claim()] == [innocent.pk]
    assert claim() == []
    finish([suspect])
    assert [each.batch_id for each in claim()] == [suspects[1].pk]


@pytest.mark.django_db
def test_another_process_may_work_on_another_suspect() -> None:
    SendBatchFactory(deaths=3)
    SendBatchFactory(deaths=3)
    claim()
    SendBatch.objects.filter(state="working").update(claimed_by="elsewhere:1")

    assert len(claim()) == 1


@pytest.mark.django_db(transaction=True)
def test_lanes_of_one_process_never_take_two_suspects_at_once() -> None:
    for _ in range(8):
        SendBatchFactory(deaths=3)

    claims = [each for claimed in at_once(*[claim] * 8) for each in claimed]

    claims += claim()
    assert len(claims) == 1
