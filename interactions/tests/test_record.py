"""What came in and what went out is written down once, whole, and counted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Customer, Employee
from customers.tests.factories import CustomerFactory
from interactions.actions.conversations import close_idle_conversations, place_message
from interactions.actions.events import record_event
from interactions.actions.facts import InboundMessage, OutboundRecord
from interactions.actions.record import (
    Reply,
    find_recorded,
    lock_customers,
    record_inbound,
    record_outbound_many,
    record_reply,
)
from interactions.choices import EventType
from interactions.models import Conversation, Interaction, Message, SmsDetails
from interactions.resolution import Reason
from interactions.tests.factories import ConversationFactory

SENT = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)

SMS = InboundMessage(
    channel="sms",
    line="twilio",
    sender="+14165551234",
    recipient="+15195550100",
    content="Is the furnace fixed?",
    channel_message_id="SM1",
    sent_at=SENT,
    segments=1,
    metadata={"FromCity": "London"},
)
EMAIL = InboundMessage(
    channel="email",
    line="sendgrid",
    sender="Jane@Example.test",
    sender_name="Jane Doe",
    recipient="support@rapport.test",
    subject="My furnace",
    content="It does not heat.",
    channel_message_id="<2@example.test>",
    thread_message_ids=("<1@rapport.test>", "<0@rapport.test>"),
)

pytestmark = pytest.mark.django_db


def record(inbound: InboundMessage, customer: Customer) -> tuple[Message, bool]:
    """As the orchestrator does it, from the lock on."""
    with transaction.atomic():
        customer = Customer.objects.locked(customer.pk)
        placed = place_message(customer, channel=inbound.channel)
        return record_inbound(
            inbound, customer=customer, conversation=placed.conversation, joined_because=placed.reason
        )


def outbound(customer: Customer, **values: Any) -> OutboundRecord:
    facts = {"channel": "sms", "line": "twilio", "content": "Your appointment is tomorrow.", "sent_at": SENT, **values}
    return OutboundRecord(customer_id=customer.pk, **facts)


def test_a_message_stands_in_the_record_with_everything_it_came_with(john: Customer) -> None:
    message, is_new = record(SMS, john)

    assert is_new
    assert (message.direction, message.role, message.content) == ("inbound", "customer", "Is the furnace fixed?")
    assert (message.channel_message_id, message.sent_at, message.joined_because) == ("SM1", SENT, Reason.NEW)
    assert message.metadata == {"FromCity": "London"}
    interaction = message.interaction
    assert interaction.interaction_number.startswith("INT-")
    assert (interaction.interaction_type, interaction.interaction_subtype) == ("sms", "inbound")
    assert (interaction.channel, interaction.lifecycle, interaction.interaction_ts) == ("twilio", "captured", SENT)
    assert (interaction.customer, interaction.conversation) == (john, message.conversation)
    assert interaction.content_text == "Is the furnace fixed?"
    assert interaction.interaction_person_entities == [
        {"person_entity_type": "customer", "person_entity_id": str(john.pk), "role": "customer"}
    ]


def test_an_sms_keeps_numbers_segments_and_media(john: Customer) -> None:
    message, _ = record(replace(SMS, segments=0, media_urls=("https://media.test/1",)), john)

    details = message.sms_details
    assert (details.from_number, details.to_number) == ("+14165551234", "+15195550100")
    assert (details.provider_message_id, details.segments) == ("SM1", 1)
    assert details.media_urls == ["https://media.test/1"]


def test_a_mail_keeps_subject_and_thread(jane: Customer) -> None:
    details = record(EMAIL, jane)[0].email_details

    assert (details.subject, details.body_text) == ("My furnace", "It does not heat.")
    assert (details.from_address, details.from_name) == ("Jane@Example.test", "Jane Doe")
    assert details.to_addresses == ["support@rapport.test"]
    assert (details.message_id_header, details.in_reply_to) == ("<2@example.test>", "<1@rapport.test>")
    assert details.references == ["<1@rapport.test>", "<0@rapport.test>"]


@pytest.mark.parametrize(
    ("channel", "kind"), [("whatsapp", "social_media"), ("chat", "chat"), ("web_form", "web_form")]
)
def test_every_channel_has_its_kind_of_interaction(john: Customer, channel: str, kind: str) -> None:
    message, _ = record(replace(SMS, channel=channel), john)

    assert message.interaction.interaction_type == kind
    assert SmsDetails.objects.exists() is (channel == "whatsapp")


def test_a_repeat_returns_the_row_that_is_there(john: Customer) -> None:
    first, _ = record(SMS, john)

    assert record(SMS, john) == (first, False)
    assert find_recorded(SMS) == first
    assert (Message.objects.count(), Interaction.objects.count()) == (1, 1)
    john.refresh_from_db()
    assert john.total_interactions == 1


def test_another_content_under_the_same_id_is_kept_beside_it_flagged_and_once(john: Customer) -> None:
    first, _ = record(SMS, john)
    changed = replace(SMS, content="Is the furnace fixed now?")

    second, is_new = record(changed, john)

    assert is_new and second.content == "Is the furnace fixed now?"
    assert second.channel_message_id not in (None, "SM1")
    assert second.metadata == {"FromCity": "London", "same_id_other_content": "SM1"}
    assert (find_recorded(SMS), find_recorded(changed)) == (first, second)
    assert record(changed, john) == (second, False)
    assert Message.objects.count() == 2


def test_the_same_id_on_another_channel_is_another_message(john: Customer) -> None:
    record(SMS, john)

    assert record(replace(SMS, channel="whatsapp"), john)[1]


@pytest.mark.parametrize(
    ("letter", "letters_inline"),
    [("a", 10_000), ("é", 5_000), ("€", 3_333), ("😀", 2_500)],
)
def test_a_long_text_is_whole_on_the_message_and_its_beginning_on_the_interaction(
    john: Customer, letter: str, letters_inline: int
) -> None:
    text = letter * (12_000 // len(letter.encode()))

    message, _ = record(replace(SMS, content=text), john)

    message.refresh_from_db()
    assert message.content == text
    assert len(message.interaction.content_text.encode()) <= 10_000
    assert message.interaction.content_text == letter * letters_inline


def test_counters_and_the_last_time_follow_each_message(john: Customer) -> None:
    for number in range(3):
        record(replace(SMS, channel_message_id=f"SM{number}"), john)
    record_reply(reply(), conversation=Conversation.objects.get())
    record_outbound_many([outbound(john)])

    john.refresh_from_db()
    assert john.total_interactions == 5 == Interaction.objects.filter(customer=john).count()
    assert timezone.now() - john.last_interaction_at < timedelta(minutes=1)  # what was sent earlier moves nothing back


@pytest.mark.parametrize("days", [-2, 2])
def test_a_conversation_is_active_by_the_databases_clock_not_ours(john: Customer, days: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
        message, _ = record(replace(SMS, sent_at=None), john)
        answer = record_reply(reply(), conversation=message.conversation)

    assert close_idle_conversations() == 0
    assert abs(answer.conversation.last_activity_at - datetime.now(UTC)) < timedelta(minutes=1)


def reply(**values: Any) -> Reply:
    facts = {
        "channel": "sms",
        "line": "twilio",
        "sender": "+15195550100",
        "recipient": "+14165551234",
        "content": "Emily is on her way.",
        "encoding": "GSM-7",
        **values,
    }
    return Reply(**facts)


def test_a_reply_stands_in_the_thread_before_it_is_sent(john: Customer, emily: Employee) -> None:
    conversation = ConversationFactory(customer=john, last_message_direction="inbound")

    message = record_reply(reply(employee=emily, segments=2), conversation=conversation)

    assert (message.direction, message.role, message.employee) == ("outbound", "agent", emily)
    assert (message.delivery_status, message.conversation) == ("queued", conversation)
    assert (message.interaction.employee, message.interaction.interaction_subtype) == (emily, "outbound")
    people = message.interaction.interaction_person_entities
    assert [(p["person_entity_type"], p["role"]) for p in people] == [("customer", "customer"), ("employee", "agent")]
    details = message.sms_details
    assert (details.from_number, details.to_number) == ("+15195550100", "+14165551234")
    assert (details.segments, details.encoding, details.delivery_status) == (2, "GSM-7", "queued")
    conversation.refresh_from_db()
    assert conversation.last_message_direction == "outbound"


def test_without_an_employee_the_system_speaks(john: Customer) -> None:
    message = record_reply(reply(segments=0), conversation=ConversationFactory(customer=john))

    assert (message.role, message.employee, message.sms_details.segments) == ("system", None, 1)


def test_what_was_sent_outside_a_conversation_is_an_interaction_without_one(john: Customer, emily: Employee) -> None:
    record_ = outbound(john, employee_id=emily.pk, summary="A reminder", metadata={"message_number": "MSG-1"})

    record_outbound_many([record_])

    interaction = Interaction.objects.get(pk=record_.interaction_id)
    assert (interaction.customer, interaction.employee, interaction.conversation) == (john, emily, None)
    assert (interaction.interaction_type, interaction.interaction_subtype) == ("sms", "outbound")
    assert (interaction.interaction_ts, interaction.content_summary) == (SENT, "A reminder")
    assert interaction.content_text == "Your appointment is tomorrow."
    assert interaction.metadata == {"message_number": "MSG-1"}
    assert not Message.objects.exists()


def queries_for(count: int) -> int:
    customers = CustomerFactory.create_batch(count)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        lock_customers([c.pk for c in customers])
        record_outbound_many([outbound(c) for c in customers])
    return len(captured)


def test_two_hundred_are_logged_with_as_many_statements_as_one() -> None:
    queries_for(1)  # the year's sequence is made by the first who needs it

    assert queries_for(1) == queries_for(200) <= 6
    assert Interaction.objects.count() == 202


def test_one_customer_may_be_in_it_many_times(john: Customer, jane: Customer) -> None:
    later = SENT + timedelta(hours=1)

    record_outbound_many([outbound(john), outbound(jane), outbound(john, sent_at=later)])

    assert len(set(Interaction.objects.values_list("interaction_number", flat=True))) == 3
    counts = set(Customer.objects.values_list("name", "total_interactions", "last_interaction_at"))
    assert counts == {("John Smith", 2, later), ("Jane Doe", 1, SENT)}


def test_nothing_sent_is_nothing_written(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        lock_customers([])
        record_outbound_many([])


def test_an_event_stands_beside_its_message(john: Customer) -> None:
    message, _ = record(SMS, john)

    event = record_event(message, EventType.KEYWORD_RECOGNISED, keyword="stop")

    assert (event.conversation, event.message, event.details) == (message.conversation, message, {"keyword": "stop"})
