"""Cancelling what has not left: the message, and in a thread whose turn it is."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from communications.actions.cancel import cancel_message
from communications.actions.messages import reply_to_conversation, send_message
from communications.models import MessageData, SendBatch
from communications.providers.base import Outcome, SendResult
from communications.sending.claim import claim_due, lock_batches
from communications.sending.settle import settle
from communications.sending.slices import Slice, prepare
from communications.tests.orders import request, template
from customers.models import Customer
from customers.tests.database import at_once, overtaken
from interactions.choices import Direction
from interactions.models import Conversation
from interactions.tests.factories import ConversationFactory, InteractionFactory, MessageFactory, SmsDetailsFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def dialogue(john: Customer) -> Conversation:
    """John wrote from his phone, and it is our turn."""
    conversation = ConversationFactory(customer=john, last_message_direction=Direction.INBOUND)
    wrote = MessageFactory(interaction=InteractionFactory(conversation=conversation))
    SmsDetailsFactory(message=wrote, from_number="+1 416 555 1234")
    return conversation


def turn(conversation: Conversation) -> str:
    return Conversation.objects.get(pk=conversation.pk).last_message_direction


def test_what_has_not_left_is_cancelled_once(john: Customer) -> None:
    message = send_message(request(template(), customer=john))

    assert cancel_message(message)
    assert not cancel_message(message)
    message.refresh_from_db()
    assert (message.status, message.decision_reason) == ("cancelled", "cancelled")


def test_after_an_answer_that_was_never_said_it_is_our_turn_again(dialogue: Conversation) -> None:
    answer = reply_to_conversation(dialogue, text="We are on our way.", undo_seconds=10)
    assert turn(dialogue) == Direction.OUTBOUND

    assert cancel_message(answer)

    assert turn(dialogue) == Direction.INBOUND


def test_of_two_answers_one_that_was_said_leaves_the_turn_with_the_customer(dialogue: Conversation) -> None:
    reply_to_conversation(dialogue, text="We are on our way.")
    second = reply_to_conversation(dialogue, text="We are nearly there.", undo_seconds=10)

    assert cancel_message(second)

    assert turn(dialogue) == Direction.OUTBOUND


def test_a_thread_in_which_nothing_was_said_is_nobodys_turn(john: Customer) -> None:
    empty = ConversationFactory(customer=john)
    answer = reply_to_conversation(empty, text="Good morning.", undo_seconds=10)

    assert cancel_message(answer)

    assert turn(empty) == ""


def test_what_is_too_late_changes_nothing(dialogue: Conversation) -> None:
    answer = reply_to_conversation(dialogue, text="We are on our way.")
    SendBatch.objects.update(state="working", lease_until=timezone.now() + timedelta(minutes=1), in_flight=[answer.pk])

    assert not cancel_message(answer)

    assert turn(dialogue) == Direction.OUTBOUND
    assert MessageData.objects.get().status == "pending"


@pytest.mark.django_db(transaction=True)
def test_of_four_who_cancel_at_once_one_does() -> None:
    conversation = ConversationFactory(customer__phone="+14165551234")
    answer = reply_to_conversation(conversation, text="We are on our way.", undo_seconds=10)

    assert sorted(at_once(*[partial(cancel_message, answer)] * 4)) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_an_undo_and_the_sender_who_settles_never_wait_for_each_other_in_a_ring() -> None:
    """The sender has the batch and wants the customer; whoever undoes must not have the customer and want the batch."""
    conversation = ConversationFactory(customer__phone="+14165551234")
    answer = reply_to_conversation(conversation, text="We are on our way.")
    claims = claim_due("transactional")
    [message] = prepare(claims, [answer.pk]).rows

    is_cancelled = overtaken(
        partial(lock_batches, claims),
        partial(cancel_message, answer),
        then=partial(settle, Slice(claims=claims, rows=[message]), [taken(answer)]),
    )

    assert not is_cancelled
    assert MessageData.objects.get().status == "sent"


def taken(message: MessageData) -> SendResult:
    return SendResult(reference=message.pk, outcome=Outcome.ACCEPTED, provider_message_id="SM1")
