"""Taking back what has not left: either the sender has it, or nobody gets it."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from communications.actions.messages import (
    send_message,
    send_messages,
    withdraw_message,
)
from communications.models import MessageData, MessageSchema, SendBatch
from communications.providers.base import Outcome, SendResult
from communications.sending.claim import Claim, claim_due, lock_batches
from communications.sending.settle import settle
from communications.sending.slices import prepare
from communications.tests.orders import request, template
from customers.models import Customer
from customers.tests.database import at_once, overtaken

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pickup(db: None) -> MessageSchema:
    return template()


def test_what_nobody_sends_yet_can_be_taken_back_once(pickup: MessageSchema, john: Customer) -> None:
    message = send_message(request(pickup, customer=john))

    assert withdraw_message(message.pk)
    assert not withdraw_message(message.pk)
    message.refresh_from_db()
    assert (message.status, message.decision_reason) == ("cancelled", "withdrawn")


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "uncertain", "suppressed", "cancelled"])
def test_what_is_settled_or_in_doubt_cannot_be_taken_back(pickup: MessageSchema, john: Customer, status: str) -> None:
    message = send_message(request(pickup, customer=john))
    MessageData.objects.update(status=status, sent_ts=timezone.now(), decision_reason="no_answer")

    assert not withdraw_message(message.pk)
    assert MessageData.objects.get().status == status


def test_what_is_in_flight_cannot_be_taken_back(pickup: MessageSchema, john: Customer) -> None:
    flying, waiting = send_messages([request(pickup, customer=john), request(pickup, customer=john)])
    claimed_with(flying)

    assert not withdraw_message(flying.pk)
    assert withdraw_message(waiting.pk)


def claimed_with(message: MessageData) -> None:
    batch = SendBatch.objects.filter(pk=message.batch_id)
    batch.update(state="working", lease_until=timezone.now() + HOUR, in_flight=[message.pk])


@pytest.mark.django_db(transaction=True)
def test_who_takes_back_waits_for_a_sender_that_is_just_deciding() -> None:
    message, claims = claimed()

    assert not overtaken(partial(prepare, claims, [message.pk]), partial(withdraw_message, message.pk))
    assert message.pk in SendBatch.objects.get().in_flight


@pytest.mark.django_db(transaction=True)
def test_a_sender_waits_for_who_is_just_taking_back_and_sends_nothing() -> None:
    message, claims = claimed()

    sent = overtaken(partial(withdraw_message, message.pk), partial(prepare, claims, [message.pk]))

    assert (sent.outbound, SendBatch.objects.get().in_flight) == ((), [])
    assert MessageData.objects.get().status == "cancelled"


def claimed() -> tuple[MessageData, Sequence[Claim]]:
    """A message whose batch some sender has claimed, without having looked at it yet."""
    message = send_message(request(template(), recipient="+14165551234", recipient_name="John Smith"))
    return message, claim_due("transactional")


@pytest.mark.django_db(transaction=True)
def test_of_four_who_take_back_at_once_one_does() -> None:
    message = send_message(request(template(), recipient="+14165551234", recipient_name="John Smith"))

    assert sorted(at_once(*[partial(withdraw_message, message.pk)] * 4)) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_and_the_sender_who_settles_never_wait_for_each_other_in_a_ring() -> None:
    message, claims = claimed()
    sent = prepare(claims, [message.pk])
    taken = SendResult(reference=message.pk, outcome=Outcome.ACCEPTED, provider_message_id="SM1")

    is_withdrawn = overtaken(
        partial(lock_batches, claims), partial(withdraw_message, message.pk), then=partial(settle, sent, [taken])
    )

    assert not is_withdrawn
    assert MessageData.objects.get().status == "sent"
