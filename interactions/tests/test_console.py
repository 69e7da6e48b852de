"""The conversation page: what an agent sees, and that it costs the same however long the thread is."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from customers.models import Customer, CustomerIdentifier, Employee
from customers.tests.factories import AppointmentFactory, ConsentEventFactory, SuppressionFactory
from interactions.choices import DeliveryStatus, Direction, EventType, InteractionSubtype, Role
from interactions.models import Conversation, Message
from interactions.tests.factories import (
    AttachmentFactory,
    CommunicationEventFactory,
    ConversationFactory,
    InteractionFactory,
    MessageFactory,
    SmsDetailsFactory,
)
from interactions.timeline import feed, presenters

NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)


@pytest.fixture
def agent(db: None) -> User:
    user = UserFactory(email="agent@rapport.test", is_staff=True)
    names = ["view_conversation", "view_messagedata", "add_messagedata"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


@pytest.fixture
def desk(agent: User, client: Client) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def talk(john: Customer) -> Conversation:
    return ConversationFactory(customer=john, last_message_direction=Direction.INBOUND)


def say(conversation: Conversation, text: str, *, minutes: int = 0, **fields: object) -> Message:
    interaction = InteractionFactory(conversation=conversation)
    return MessageFactory(interaction=interaction, content=text, sent_at=NOON + timedelta(minutes=minutes), **fields)


def answer(conversation: Conversation, text: str, *, minutes: int = 0, **fields: object) -> Message:
    return say(conversation, text, minutes=minutes, direction=Direction.OUTBOUND, role=Role.AGENT, **fields)


def page_of(conversation: Conversation) -> str:
    return reverse("admin:interactions_conversation_change", args=[conversation.pk])


def thread_of(conversation: Conversation, **query: object) -> str:
    return reverse("interactions:thread", args=[conversation.pk], query=query or None)


def texts(conversation: Conversation, **place: feed.Cursor) -> list[str]:
    return [
        entry.context.get("text", entry.context.get("label"))
        for entry in presenters.present(feed.thread(conversation, **place))
    ]


def test_the_page_shows_who_the_customer_is_and_what_was_said(
    desk: Client, talk: Conversation, emily: Employee
) -> None:
    CustomerIdentifier.objects.update(verified=True)
    say(talk, "Is <b>Robert</b> coming?", joined_because="active_24h")
    answer(talk, "Yes, at two.", minutes=1, employee=emily, delivery_status=DeliveryStatus.DELIVERED)

    html = desk.get(page_of(talk)).content.decode()

    assert "John Smith" in html and "+14165551234" in html and 'aria-label="verified"' in html
    assert "Is &lt;b&gt;Robert&lt;/b&gt; coming?" in html
    assert "active within 24 hours" in html
    assert "Emily Thompson" in html and "Delivered" in html
    assert "Waiting for us" in html
    assert f'data-conversation="{talk.pk}"' in html and "data-live-port" in html


def test_a_failed_answer_says_why(desk: Client, talk: Conversation) -> None:
    message = answer(talk, "Yes.", delivery_status=DeliveryStatus.FAILED)
    SmsDetailsFactory(message=message, error_code="30005", error_message="Unknown destination handset")

    html = desk.get(thread_of(talk)).content.decode()

    assert "Failed: Unknown destination handset" in html


def test_the_adopted_reminder_stands_in_the_thread_before_the_answer_to_it(talk: Conversation) -> None:
    InteractionFactory(
        conversation=talk,
        interaction_subtype=InteractionSubtype.OUTBOUND,
        interaction_ts=NOON - timedelta(hours=3),
        content_text="Reply C to confirm.",
    )
    reply = say(talk, "C")
    CommunicationEventFactory(
        conversation=talk,
        message=reply,
        event_type=EventType.APPOINTMENT_CONFIRMED,
        timestamp=NOON + timedelta(seconds=1),
    )

    assert texts(talk) == ["Reply C to confirm.", "C", "Appointment confirmed"]


def test_a_day_is_named_once_on_its_first_entry(talk: Conversation) -> None:
    say(talk, "one")
    say(talk, "two", minutes=1)
    say(talk, "three", minutes=60 * 24)

    entries = presenters.present(feed.thread(talk))

    assert [bool(entry.day) for entry in entries] == [True, False, True]


def test_older_entries_come_page_by_page_and_none_is_lost_or_doubled(talk: Conversation) -> None:
    for number in range(70):
        say(talk, str(number), minutes=number // 3)  # three of a moment: the id decides
    gathered: list[str] = []
    before: feed.Cursor | None = None

    for expected in (30, 30, 10):
        page = feed.thread(talk, before=before)
        assert len(page.items) == expected
        gathered = [item.row.content for item in page.items if isinstance(item.row, Message)] + gathered
        before = page.before

    assert before is None
    assert sorted(gathered, key=int) == [str(number) for number in range(70)]
    assert [int(text) // 3 for text in gathered] == sorted(int(text) // 3 for text in gathered)


def test_an_open_page_reads_again_from_where_it_began_so_that_no_gap_opens(desk: Client, talk: Conversation) -> None:
    for number in range(30):
        say(talk, f"old-{number:02d}", minutes=number)
    first = feed.thread(talk).items[0].place
    for number in range(5):
        say(talk, f"new-{number}", minutes=100 + number)

    html = desk.get(thread_of(talk, since=first)).content.decode()

    assert "old-00" in html and "old-29" in html and "new-4" in html


def test_an_empty_conversation_shows_its_first_message_when_it_comes(desk: Client, talk: Conversation) -> None:
    assert "Nothing was said yet" in desk.get(page_of(talk)).content.decode()
    say(talk, "Hello")

    assert "Hello" in desk.get(thread_of(talk, since=feed.BEGINNING)).content.decode()


def test_the_conversation_before_it_can_be_read_above_it(desk: Client, talk: Conversation, john: Customer) -> None:
    earlier = ConversationFactory(customer=john, status="closed", closed_reason="resolved", ended_at=NOON)
    say(earlier, "Last year's question")
    Conversation.objects.filter(pk=talk.pk).update(continues=earlier)

    page, above = desk.get(page_of(talk)).content.decode(), desk.get(thread_of(earlier)).content.decode()

    assert thread_of(earlier) in page
    assert "Last year&#x27;s question" in above and "The next conversation begins here" in above


def fill(conversation: Conversation, count: int) -> None:
    for number in range(count):
        message = (say if number % 2 else answer)(conversation, str(number), minutes=number)
        SmsDetailsFactory(message=message)
        AttachmentFactory(message=message)
        CommunicationEventFactory(conversation=conversation, message=message)
        AppointmentFactory(customer=conversation.customer)
        ConsentEventFactory(customer=conversation.customer, address="+14165551234")


@pytest.mark.parametrize("count", [1, 40])
def test_the_page_costs_the_same_for_one_message_and_for_forty(
    desk: Client, talk: Conversation, count: int, django_assert_num_queries: object
) -> None:
    fill(talk, count)

    with django_assert_num_queries(13):  # type: ignore[operator]
        desk.get(page_of(talk))
    with django_assert_num_queries(8):  # type: ignore[operator]
        desk.get(thread_of(talk))


def test_an_address_that_said_stop_is_shown_as_closed(desk: Client, talk: Conversation) -> None:
    SuppressionFactory(address="+14165551234")

    html = desk.get(page_of(talk)).content.decode()

    assert "Service: no" in html and "Said STOP" in html


@pytest.mark.parametrize("place", ["nonsense", "2026-03-03~x", "2026-03-03T00:00:00~0190-", "~"])
def test_a_place_that_never_was_is_refused(desk: Client, talk: Conversation, place: str) -> None:
    assert desk.get(thread_of(talk, before=place)).status_code == 400


def test_an_unknown_conversation_is_not_found(desk: Client, talk: Conversation, john: Customer) -> None:
    unknown = reverse("interactions:thread", args=[john.pk])

    assert desk.get(unknown).status_code == 404
    assert desk.get(reverse("admin:interactions_conversation_change", args=["nonsense"])).status_code == 302


def test_nobody_reads_a_thread_without_the_permission(client: Client, talk: Conversation) -> None:
    assert client.get(thread_of(talk)).status_code == 302
    client.force_login(UserFactory(is_staff=True))

    assert client.get(thread_of(talk)).status_code == 403
    assert client.get(page_of(talk)).status_code == 403


def test_a_person_outside_the_staff_reads_nothing(client: Client, talk: Conversation, agent: User) -> None:
    User.objects.filter(pk=agent.pk).update(is_staff=False)
    client.force_login(User.objects.get(pk=agent.pk))

    assert client.get(thread_of(talk)).status_code == 403


def test_somebody_who_may_only_read_gets_no_reply_box(client: Client, talk: Conversation) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    client.force_login(reader)

    html = client.get(page_of(talk)).content.decode()

    assert "communications:reply" not in html and 'id="reply"' not in html
    assert "needs the permission" in html


def test_the_plain_record_of_all_fields_is_behind_the_console(client: Client, talk: Conversation) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    record = reverse("admin:interactions_conversation_record", args=[talk.pk])

    assert client.get(record).status_code == 200
    answer = client.post(record, {"subject": "Furnace", "assignee": "", "snoozed_until_0": "", "snoozed_until_1": ""})

    assert answer.status_code == 302
    talk.refresh_from_db()
    assert talk.subject == "Furnace" and talk.status == Conversation.Status.ACTIVE


def test_whose_turn_it_is_comes_with_what_is_new(desk: Client, talk: Conversation) -> None:
    Conversation.objects.filter(pk=talk.pk).update(last_message_direction=Direction.OUTBOUND)

    html = desk.get(thread_of(talk, since=feed.BEGINNING)).content.decode()

    assert 'id="turn"' in html and 'hx-swap-oob="true"' in html and "Waiting for the customer" in html


def test_what_stands_beside_the_thread_can_be_read_again(desk: Client, talk: Conversation, john: Customer) -> None:
    before = desk.get(reverse("interactions:about", args=[talk.pk])).content.decode()
    SuppressionFactory(customer=john, channel="sms", address="+14165551234")

    after = desk.get(reverse("interactions:about", args=[talk.pk])).content.decode()

    assert "Service: no" not in before
    assert "Service: no" in after
    assert 'id="chips" hx-swap-oob="true"' in after


def test_the_list_hears_of_every_conversation(desk: Client, talk: Conversation) -> None:
    page = desk.get(reverse("admin:interactions_conversation_changelist")).content.decode()

    assert "data-live-port" in page
    assert 'id="changed-conversations" hidden' in page
