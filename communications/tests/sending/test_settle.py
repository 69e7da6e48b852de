from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus, Reason
from communications.models import MessageData
from communications.providers.base import DeliveryReceipt, Outcome
from communications.sending.claim import claim_due
from communications.sending.settle import pause_before_retry, settle
from communications.sending.slices import Slice, prepare, waiting_rows
from communications.tests.engine_fixtures import (
    answers,
    at_once,
    batch_of,
    fresh,
    make_due,
    on_its_way,
    waiting,
    waiting_reply,
)
from customers.models import ConsentEvent, Suppression
from customers.tests.factories import EmployeeFactory
from interactions.models import Interaction, SmsDetails

pytestmark = pytest.mark.django_db


def settled(row: MessageData, outcome: Outcome, **values: Any) -> MessageData:
    """What becomes of `row` when the provider answers so."""
    sent = on_its_way()
    settle(sent, answers(sent, outcome, **values))
    return fresh(row)


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


# --- answers


def test_an_acceptance_is_sent_and_logged_once() -> None:
    [row] = waiting()

    row = settled(row, Outcome.ACCEPTED, segments=2, price=Decimal("0.0158"), price_currency="USD")

    assert (row.status, row.provider_message_id) == (MessageStatus.SENT, f"SM{row.pk.hex}")
    assert (row.segment_count, row.cost, row.cost_currency) == (2, Decimal("0.0158"), "USD")
    assert row.sent_ts is not None
    interaction = Interaction.objects.get(customer=row.customer_id)
    assert (interaction.pk, interaction.content_text) == (row.interaction_id, "Your visit is tomorrow.")
    assert interaction.conversation_id is None
    row.customer.refresh_from_db()
    assert (row.customer.total_interactions, row.customer.last_interaction_at) == (1, row.sent_ts)


def test_a_notice_to_an_employee_is_sent_and_not_logged() -> None:
    [row] = waiting()
    MessageData.objects.filter(pk=row.pk).update(customer=None, employee=EmployeeFactory())

    assert settled(row, Outcome.ACCEPTED).status == MessageStatus.SENT
    assert Interaction.objects.count() == 0


def test_a_refusal_fails_for_good_with_its_reason() -> None:
    [row] = waiting()

    row = settled(row, Outcome.REJECTED, error_code="21211", detail="Invalid 'To' number")

    assert (row.status, row.decision_reason) == (MessageStatus.FAILED, Reason.REJECTED)
    assert (row.error_code, row.failed_reason) == ("21211", "Invalid 'To' number")
    assert row.failed_ts is not None
    assert Interaction.objects.count() == 0


@pytest.mark.parametrize(
    ("code", "reason"), [("no_answer", Reason.NO_ANSWER), ("bad_answer", Reason.BAD_ANSWER), ("500", Reason.NO_ANSWER)]
)
def test_no_readable_answer_is_a_doubt_and_not_an_error(code: str, reason: Reason) -> None:
    [row] = waiting()

    row = settled(row, Outcome.UNCERTAIN, error_code=code, detail="ServerDisconnectedError")

    assert (row.status, row.decision_reason, row.retry_count) == (MessageStatus.UNCERTAIN, reason, 0)
    assert row.batch_id is not None
    assert (row.sent_ts, row.failed_ts) == (None, None)


def test_an_opt_out_that_only_the_provider_knows_of_is_believed_once() -> None:
    [row] = waiting()

    row = settled(row, Outcome.REJECTED, error_code="21610", detail="Unsubscribed recipient", opted_out=True)

    assert row.status == MessageStatus.FAILED
    event = ConsentEvent.objects.get()
    assert (event.address, event.source, event.purpose, event.status) == (row.recipient, "carrier", "all", "opt_out")
    assert Suppression.objects.in_force().get().address == row.recipient
    waiting(recipient=row.recipient)
    assert on_its_way().outbound == []


# --- again, later


@pytest.mark.parametrize("retry_after", [None, 0.4, 90.0])
def test_a_retry_goes_to_the_back_into_a_batch_of_its_own_time(retry_after: float | None) -> None:
    rows = waiting(2)
    sent = on_its_way()
    begun = timezone.now()
    later, now = sent.rows

    settle(
        sent,
        [
            *answers(replace(sent, rows=[later]), Outcome.RETRY, error_code="429", retry_after=retry_after),
            *answers(replace(sent, rows=[now]), Outcome.ACCEPTED),
        ],
    )

    row, batch = fresh(later), batch_of(later)
    assert (row.status, row.decision_reason, row.retry_count) == (MessageStatus.PENDING, Reason.RETRY, 1)
    assert batch.pk != rows[0].batch_id
    assert (batch.state, batch.row_count, batch.provider, batch.purpose) == ("waiting", 1, "twilio", "transactional")
    assert batch.due_at >= begun + timedelta(seconds=retry_after or 1.0)
    assert fresh(now).status == MessageStatus.SENT
    assert claim_due("transactional", most_rows=1_000) == []


def test_after_the_last_retry_it_is_given_up() -> None:
    [row] = waiting(max_retries=2)
    for expected in (1, 2):
        assert settled(row, Outcome.RETRY, error_code="503").retry_count == expected
        make_due()

    row = settled(row, Outcome.RETRY, error_code="503", detail="Busy")

    assert (row.status, row.decision_reason, row.retry_count) == (MessageStatus.FAILED, Reason.GAVE_UP, 2)
    assert (row.error_code, row.failed_reason) == ("503", "Busy")


def test_a_provider_that_is_down_burns_no_attempt() -> None:
    [row] = waiting(max_retries=1)
    for _ in range(4):
        row = settled(row, Outcome.DOWN, error_code="20003", detail="Authenticate")
        make_due()

    assert (row.status, row.retry_count, row.decision_reason) == (MessageStatus.PENDING, 0, Reason.PROVIDER_DOWN)
    assert settled(row, Outcome.ACCEPTED).status == MessageStatus.SENT


def test_what_an_earlier_attempt_was_told_is_forgotten_when_it_is_taken() -> None:
    [row] = waiting()
    settled(row, Outcome.RETRY, error_code="429", detail="Too many requests")
    make_due()

    row = settled(row, Outcome.ACCEPTED)

    assert (row.error_code, row.failed_reason, row.decision_reason, row.decision) == ("", "", "", "send")


def test_pauses_double_are_spread_and_have_an_end() -> None:
    spans = {n: [pause_before_retry(n, None).total_seconds() for _ in range(200)] for n in (1, 3, 30)}

    assert 1 <= min(spans[1]) < max(spans[1]) <= 4
    assert 4 <= min(spans[3]) < max(spans[3]) <= 16
    assert 225 <= min(spans[30]) < max(spans[30]) <= 900
    assert pause_before_retry(1, 60.0).total_seconds() == 60.0


# --- what agents see


@pytest.mark.parametrize(
    ("outcome", "word", "code"),
    [
        (Outcome.ACCEPTED, "sent", ""),
        (Outcome.REJECTED, "failed", "21211"),
        (Outcome.UNCERTAIN, "queued", ""),
        (Outcome.RETRY, "queued", ""),
    ],
)
def test_a_reply_shows_in_the_thread_what_became_of_it(outcome: Outcome, word: str, code: str) -> None:
    row, message = waiting_reply()

    row = settled(row, outcome, error_code=code, detail="Invalid number" if code else "")

    message.refresh_from_db()
    details = SmsDetails.objects.get(message=message)
    assert (message.delivery_status, details.delivery_status, details.error_code) == (word, word, code)
    assert details.provider_message_id == row.provider_message_id
    assert details.error_message == ("Invalid number" if code else "")
    assert Interaction.objects.count() == 1


# --- how much it costs, and whom it waits for


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.RETRY, Outcome.REJECTED, Outcome.UNCERTAIN])
def test_a_slice_of_two_hundred_costs_as_many_statements_as_a_slice_of_one(outcome: Outcome) -> None:
    costs = []
    for number in (1, 1, 200):  # the first of all makes the year's sequence
        waiting(number, max_retries=6)
        claims = claim_due("transactional", most_rows=1_000)
        ids = [row.id for row in waiting_rows(claims)]
        slices: list[Slice] = []
        preparing = statements(lambda claims=claims, ids=ids, slices=slices: slices.append(prepare(claims, ids)))
        [sent] = slices
        assert len(sent.rows) == number
        costs.append((preparing, statements(lambda sent=sent: settle(sent, answers(sent, outcome)))))

    assert costs[1] == costs[2]


@pytest.mark.django_db(transaction=True)
def test_answers_and_callbacks_for_the_same_customers_never_wait_for_each_other_in_a_ring() -> None:
    rows = waiting(60)
    customers = [row.customer for row in rows]
    slices = [on_its_way()]
    for part in range(3):  # the same people again, in other batches and another order
        more = waiting(60)
        for row, customer in zip(more, customers[part:] + customers[:part], strict=True):
            MessageData.objects.filter(pk=row.pk).update(customer=customer)
        slices.append(on_its_way())

    def settles(sent: Slice) -> None:
        settle(sent, answers(sent, Outcome.ACCEPTED))

    def tells(sent: Slice) -> None:
        apply_events(receipts(sent.rows))

    at_once(*[lambda s=s: settles(s) for s in slices], *[lambda s=s: tells(s) for s in slices])

    assert set(MessageData.objects.values_list("status", flat=True)) == {"delivered"}
    assert Interaction.objects.count() == 240
    assert sum(customer.__class__.objects.get(pk=customer.pk).total_interactions for customer in customers) == 240
    assert not MessageData.objects.filter(possible_duplicate=True).exists()


def receipts(rows: Sequence[MessageData]) -> list[DeliveryReceipt]:
    return [
        DeliveryReceipt(
            reference=row.pk,
            provider="twilio",
            event_id=f"{row.pk}:delivered",
            kind=EventKind.DELIVERED,
            provider_message_id=f"SM{row.pk.hex}",
        )
        for row in reversed(rows)
    ]
