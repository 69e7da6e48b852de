"""Which conversation a message belongs to, with real rows and the database's clock held still."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models import QuerySet

from customers.models import Customer
from customers.tests.database import at_once, overtaken
from customers.tests.factories import CustomerFactory
from interactions.actions import conversations
from interactions.actions.conversations import Placed, close_idle_conversations, note_activity, place_message
from interactions.choices import InteractionSubtype, InteractionType
from interactions.models import Conversation, Interaction
from interactions.resolution import Reason
from interactions.tests.factories import ConversationFactory, InteractionFactory, MessageFactory

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def database_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "database_now", lambda: NOW)


def place(customer: Customer, channel: str = "sms", answers: Sequence[str] = ()) -> Placed:
    with transaction.atomic():
        return place_message(Customer.objects.locked(customer.pk), channel=channel, thread_message_ids=answers)


def active(customer: Customer, *, idle_for: timedelta = timedelta(hours=1), **values: Any) -> Conversation:
    return ConversationFactory(customer=customer, last_activity_at=NOW - idle_for, **values)


def closed(customer: Customer, reason: str, *, idle_for: timedelta = 2 * DAY, **values: Any) -> Conversation:
    at = NOW - idle_for
    return ConversationFactory(
        customer=customer, status="closed", closed_reason=reason, ended_at=at, last_activity_at=at, **values
    )


def said_in(conversation: Conversation, message_id: str) -> None:
    MessageFactory(interaction=InteractionFactory(conversation=conversation), channel_message_id=message_id)


def test_the_first_message_begins_a_conversation(john: Customer) -> None:
    placed = place(john, "whatsapp")

    assert (placed.is_new, placed.reason) == (True, Reason.NEW)
    begun = Conversation.objects.get()
    assert (begun, begun.customer) == (placed.conversation, john)
    assert (begun.initial_channel, begun.channel, begun.status) == ("whatsapp", "whatsapp", "active")
    assert begun.started_at == begun.last_activity_at == NOW


def test_a_microsecond_before_the_end_of_a_day_the_conversation_goes_on(john: Customer) -> None:
    yesterdays = active(john, idle_for=DAY - MICROSECOND)

    placed = place(john, "whatsapp")

    assert (placed.conversation, placed.reason, placed.is_new) == (yesterdays, Reason.ACTIVE_24H, False)


def test_after_a_day_the_stale_one_closes_as_idle_and_a_new_one_continues_it(john: Customer) -> None:
    yesterdays = active(john, idle_for=DAY)

    placed = place(john)

    assert (placed.reason, placed.is_new) == (Reason.CONTINUES, True)
    assert placed.conversation.continues == yesterdays
    yesterdays.refresh_from_db()
    assert (yesterdays.status, yesterdays.closed_reason, yesterdays.ended_at) == ("closed", "idle", NOW)


def test_a_new_one_continues_the_one_finished_last(john: Customer) -> None:
    closed(john, "resolved", idle_for=9 * DAY)
    last = closed(john, "resolved", idle_for=3 * DAY)

    assert place(john).conversation.continues == last


def test_other_peoples_conversations_do_not_matter(john: Customer, jane: Customer) -> None:
    active(jane)
    closed(jane, "resolved")

    placed = place(john)

    assert (placed.is_new, placed.conversation.continues) == (True, None)


def test_an_answer_opens_the_conversation_that_only_fell_asleep(john: Customer) -> None:
    fridays = closed(john, "idle", idle_for=3 * DAY)
    said_in(fridays, "<friday@rapport.test>")

    placed = place(john, "email", ["<friday@rapport.test>"])

    assert (placed.conversation, placed.reason) == (fridays, Reason.THREAD)
    fridays.refresh_from_db()
    assert (fridays.status, fridays.closed_reason, fridays.ended_at) == ("active", "", None)


@pytest.mark.parametrize("reason", ["resolved", "completed", "merged", "failed"])
def test_an_answer_does_not_open_what_was_finished(john: Customer, reason: str) -> None:
    done = closed(john, reason)
    said_in(done, "<done@rapport.test>")

    placed = place(john, "email", ["<done@rapport.test>"])

    assert (placed.is_new, placed.conversation.continues) == (True, done)
    done.refresh_from_db()
    assert done.closed_reason == reason


def test_an_explicit_thread_wins_over_the_active_conversation(john: Customer) -> None:
    about_the_bill = active(john, idle_for=5 * DAY)
    said_in(about_the_bill, "<bill@rapport.test>")
    active(john)

    assert place(john, "email", ["<bill@rapport.test>"]).conversation == about_the_bill


def test_the_nearest_message_of_a_thread_counts(john: Customer) -> None:
    far, near = active(john), active(john)
    said_in(far, "<far@rapport.test>")
    said_in(near, "<near@rapport.test>")

    answers = ["<unknown@rapport.test>", "<near@rapport.test>", "<far@rapport.test>"]

    assert place(john, "email", answers).conversation == near


def test_nobody_enters_the_thread_of_another(john: Customer, jane: Customer) -> None:
    janes = active(jane)
    said_in(janes, "<janes@rapport.test>")

    placed = place(john, "email", ["<janes@rapport.test>"])

    assert placed.conversation != janes
    assert (placed.is_new, placed.conversation.continues) == (True, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reason", ["idle", "resolved"])
@pytest.mark.parametrize("answers", [(), ("<hello@rapport.test>",)], ids=["by time", "by thread"])
def test_a_message_never_joins_a_conversation_that_is_closing_beneath_it(reason: str, answers: Sequence[str]) -> None:
    john = CustomerFactory()
    conversation = active(john)
    said_in(conversation, "<hello@rapport.test>")

    closing = Conversation.objects.filter(pk=conversation.pk)
    close = partial(closing.update, status="closed", closed_reason=reason, ended_at=NOW)

    placed = overtaken(close, partial(place, john, "sms", answers))

    where = Conversation.objects.get(pk=placed.conversation.pk)
    assert where.status == "active"
    reopened = reason == "idle" and bool(answers)
    assert (where == conversation) is reopened
    assert where.continues == (None if reopened else conversation)


def note(conversation: Conversation, channel: str, at: datetime, direction: str = "inbound") -> None:
    note_activity(conversation, channel=channel, direction=direction, at=at)
    conversation.refresh_from_db()


def test_every_switch_of_the_channel_is_remembered(john: Customer) -> None:
    conversation = active(john)

    for minutes, channel in enumerate(["sms", "whatsapp", "whatsapp", "email"]):
        note(conversation, channel, NOW + timedelta(minutes=minutes))

    assert (conversation.initial_channel, conversation.channel) == ("sms", "email")
    assert conversation.metadata["switches"] == [
        {"from": "sms", "to": "whatsapp", "at": "2026-03-04T15:01:00+00:00"},
        {"from": "whatsapp", "to": "email", "at": "2026-03-04T15:03:00+00:00"},
    ]


def test_activity_says_whose_turn_it_is_and_time_does_not_run_back(john: Customer) -> None:
    conversation = active(john, metadata={"kept": True})

    note(conversation, "sms", NOW, "outbound")
    note(conversation, "sms", NOW - DAY)

    assert (conversation.last_activity_at, conversation.last_message_direction) == (NOW, "inbound")
    assert conversation.metadata == {"kept": True}


def sent(customer: Customer, *, ago: timedelta, **values: Any) -> Interaction:
    """A reminder or a campaign: outbound, in no conversation."""
    return InteractionFactory(
        customer=customer,
        conversation=None,
        interaction_subtype=values.pop("subtype", InteractionSubtype.OUTBOUND),
        interaction_ts=NOW - ago,
        **values,
    )


def adopted(conversation: Conversation) -> "QuerySet[Interaction]":
    return Interaction.objects.filter(conversation=conversation)


def test_an_answer_takes_the_last_reminder_into_its_conversation(john: Customer) -> None:
    sent(john, ago=2 * DAY)
    reminder = sent(john, ago=DAY)

    assert adopted(place(john).conversation).get() == reminder
    assert Interaction.objects.filter(conversation=None).count() == 1


def test_a_reminder_is_taken_in_for_two_weeks(john: Customer) -> None:
    sent(john, ago=14 * DAY)
    assert not adopted(place(john).conversation).exists()

    jane = CustomerFactory()
    sent(jane, ago=14 * DAY - MICROSECOND)
    assert adopted(place(jane).conversation).exists()


@pytest.mark.parametrize(
    "values",
    [
        {"interaction_type": InteractionType.EMAIL},
        {"interaction_type": InteractionType.SOCIAL_MEDIA},
        {"subtype": InteractionSubtype.INBOUND},
    ],
)
def test_what_the_message_does_not_answer_is_left_alone(john: Customer, values: dict[str, str]) -> None:
    sent(john, ago=DAY, **values)

    assert not adopted(place(john, "sms").conversation).exists()


def test_a_reminder_of_another_customer_is_left_alone(john: Customer, jane: Customer) -> None:
    sent(jane, ago=DAY)

    assert not adopted(place(john).conversation).exists()


def test_only_what_had_no_activity_for_a_day_is_closed(john: Customer) -> None:
    idle, awake = active(john, idle_for=DAY), active(john, idle_for=DAY - MICROSECOND)
    done = closed(john, "resolved")

    assert close_idle_conversations() == 1
    assert close_idle_conversations() == 0

    states = {c.pk: (c.status, c.closed_reason, c.ended_at) for c in Conversation.objects.all()}
    assert states == {
        idle.pk: ("closed", "idle", NOW),
        awake.pk: ("active", "", None),
        done.pk: ("closed", "resolved", done.ended_at),
    }


def test_idle_conversations_are_closed_a_limited_number_at_a_time() -> None:
    customer = CustomerFactory()
    for _ in range(5):
        active(customer, idle_for=DAY)

    assert [close_idle_conversations(limit=3) for _ in range(3)] == [3, 2, 0]


@pytest.mark.django_db(transaction=True)
def test_several_who_close_idle_conversations_at_once_close_each_of_them_once() -> None:
    customer = CustomerFactory()
    for _ in range(40):
        active(customer, idle_for=DAY)

    closed_by_each = at_once(*(close_idle_conversations for _ in range(4)))

    assert sum(closed_by_each) == 40
    assert Conversation.objects.filter(closed_reason="idle").count() == 40


@pytest.mark.django_db(transaction=True)
def test_a_conversation_in_which_somebody_is_just_writing_is_passed_over() -> None:
    written_in, asleep = (active(CustomerFactory(), idle_for=DAY) for _ in range(2))

    with transaction.atomic():
        Conversation.objects.locked(written_in.pk)
        assert at_once(close_idle_conversations) == [1]

    assert Conversation.objects.get(status="active") == written_in
    assert Conversation.objects.get(closed_reason="idle") == asleep


def test_an_answer_within_an_active_conversation_takes_in_what_was_sent_since_it_began(john: Customer) -> None:
    conversation = active(john, idle_for=timedelta(hours=2))
    Conversation.objects.filter(pk=conversation.pk).update(started_at=NOW - 3 * DAY)
    sent(john, ago=4 * DAY)
    reminder = sent(john, ago=timedelta(hours=1))

    assert place(john).conversation == conversation
    assert adopted(conversation).get() == reminder
