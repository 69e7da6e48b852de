"""Replies within a conversation: in the thread at once, and a row in a batch."""

from datetime import timedelta

import pytest
from django.utils import timezone

from communications import wake
from communications.actions.messages import (
    reply_to_conversation,
    withdraw_message,
)
from communications.exceptions import SendRefused
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from customers.models import Customer, Employee
from customers.tests.database import stored
from interactions.models import Conversation, Message
from interactions.tests.factories import ConversationFactory, InteractionFactory, MessageFactory, SmsDetailsFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def dialogue(john: Customer) -> Conversation:
    """John wrote from his phone."""
    conversation = ConversationFactory(customer=john)
    wrote = MessageFactory(interaction=InteractionFactory(conversation=conversation))
    SmsDetailsFactory(message=wrote, from_number="+1 416 555 1234")
    return conversation


@pytest.fixture
def clerk(emily: Employee) -> User:
    user = UserFactory()
    Employee.objects.filter(pk=emily.pk).update(user=user)
    return user


def test_a_reply_is_a_message_of_the_thread_and_a_row_in_a_batch(
    dialogue: Conversation, clerk: User, emily: Employee
) -> None:
    row = reply_to_conversation(dialogue, text="We are on our way.", by=clerk)

    row.refresh_from_db()
    assert (row.recipient, row.conversation, row.status) == ("+14165551234", dialogue, "pending")
    assert (row.batch.row_count, row.batch.state, row.schema_version) == (1, "waiting", None)
    assert (row.message.employee, row.message.delivery_status, row.message.content) == (
        emily,
        "queued",
        "We are on our way.",
    )
    assert row.interaction == row.message.interaction
    assert row.content_data["finalMessage"] == "We are on our way."


def test_a_reply_that_may_be_taken_back_is_due_after_that_time(
    dialogue: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "sender", woken.append)
    before = timezone.now()

    row = reply_to_conversation(dialogue, text="We are on our way.", undo_seconds=10)

    assert row.batch and row.batch.due_at >= before + timedelta(seconds=10)
    assert woken == []


@pytest.mark.parametrize(
    ("code", "text", "channel"),
    [
        ("empty", " \n ", "sms"),
        ("too_long", "a" * 1601, "sms"),
        ("method_not_supported", "Hello", "chat"),
        ("no_address", "Hello", "whatsapp"),
    ],
)
def test_a_refused_reply_leaves_nothing(dialogue: Conversation, code: str, text: str, channel: str) -> None:
    Conversation.objects.update(channel=channel)
    dialogue.refresh_from_db()
    before = stored()

    with pytest.raises(SendRefused) as refusal:
        reply_to_conversation(dialogue, text=text)

    assert refusal.value.code == code
    assert stored() == before


def test_an_answer_after_the_weekend_opens_the_conversation_that_fell_asleep(dialogue: Conversation) -> None:
    Conversation.objects.update(status="closed", closed_reason="idle", ended_at=timezone.now())

    reply_to_conversation(dialogue, text="We are back.")

    dialogue.refresh_from_db()
    assert (dialogue.status, dialogue.closed_reason, dialogue.ended_at) == ("active", "", None)


def test_a_reply_that_is_taken_back_no_longer_shows_as_queued(dialogue: Conversation) -> None:
    row = reply_to_conversation(dialogue, text="We are on our way.")

    withdraw_message(row.pk)

    message = Message.objects.get(pk=row.message_id)
    assert (message.delivery_status, message.sms_details.delivery_status) == ("failed", "failed")
