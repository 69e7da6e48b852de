"""The reply box: what it sends, what it refuses, and that a refusal keeps the text."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.choices import MessageStatus, Reason
from communications.exceptions import SendRefused
from communications.models import MessageData, SendBatch
from communications.tests.factories import MessageDataFactory
from communications.views import reply as views
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from customers.models import Customer, Employee
from interactions.choices import Direction
from interactions.models import Conversation, Message
from interactions.tests.factories import ConversationFactory, InteractionFactory


@pytest.fixture
def agent(emily: Employee) -> User:
    user = UserFactory(email="emily@rapport.test", is_staff=True)
    names = ["view_conversation", "view_messagedata", "add_messagedata"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    Employee.objects.filter(pk=emily.pk).update(user=user)
    return user


@pytest.fixture
def desk(agent: User, client: Client) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def talk(john: Customer) -> Conversation:
    return ConversationFactory(customer=john, last_message_direction=Direction.INBOUND)


def box_of(conversation: Conversation) -> str:
    return reverse("communications:reply", args=[conversation.pk])


def test_an_answer_stands_in_the_thread_at_once_and_waits_to_be_sent(
    desk: Client, talk: Conversation, emily: Employee
) -> None:
    answer = desk.post(box_of(talk), {"text": " Robert comes at two.\r\nHe will ring. "})

    message = Message.objects.get(conversation=talk)
    row = MessageData.objects.get(message=message)
    assert message.content == "Robert comes at two.\nHe will ring." and message.employee == emily
    assert row.status == MessageStatus.PENDING and row.recipient == "+14165551234"
    assert answer["HX-Trigger"] == '{"rapport:replied": {}}'
    assert "Robert comes" not in answer.content.decode()


def test_a_refusal_keeps_the_text_and_says_why(
    desk: Client, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = SendRefused("no_address", "This customer has no address for SMS.", attr="customer")
    monkeypatch.setattr(views, "reply_to_conversation", Mock(side_effect=refusal))

    answer = desk.post(box_of(talk), {"text": "Are you <there>?"})

    html = answer.content.decode()
    assert "This customer has no address for SMS." in html and 'role="alert"' in html
    assert "Are you &lt;there&gt;?</textarea>" in html
    assert "HX-Trigger" not in answer


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1601, "a\x00b"])
def test_what_cannot_be_sent_is_refused_and_leaves_nothing(desk: Client, talk: Conversation, text: str) -> None:
    answer = desk.post(box_of(talk), {"text": text})

    assert answer.status_code == 200 and "Not sent." in answer.content.decode()
    assert not Message.objects.exists() and not MessageData.objects.exists()


# --- taking back -----------------------------------------------------------------------------------------------------


def undo_of(row: MessageData) -> str:
    return reverse("communications:undo", args=[row.conversation_id, row.pk])


def pieces_of(desk: Client, conversation: Conversation) -> str:
    return desk.get(reverse("communications:deliveries", args=[conversation.pk])).content.decode()


@pytest.fixture
def answered(desk: Client, talk: Conversation) -> MessageData:
    desk.post(box_of(talk), {"text": "Robert comes at two."})
    return MessageData.objects.select_related("batch").get()


def test_an_answer_waits_for_its_author_to_think_again(desk: Client, answered: MessageData, talk: Conversation) -> None:
    assert answered.batch and answered.status == MessageStatus.PENDING
    assert 5 < (answered.batch.due_at - timezone.now()).total_seconds() <= 10

    html = pieces_of(desk, talk)
    assert undo_of(answered) in html and 'data-undo="10"' in html


def test_an_answer_that_is_taken_back_never_leaves_and_stands_in_the_box_again(
    desk: Client, answered: MessageData, talk: Conversation
) -> None:
    box = desk.post(undo_of(answered), {"text": ""})

    answered.refresh_from_db()
    assert (answered.status, answered.decision_reason) == (MessageStatus.CANCELLED, Reason.CANCELLED)
    assert ">Robert comes at two.</textarea>" in box.content.decode() and "data-focus" in box.content.decode()
    assert box["HX-Trigger"] == '{"rapport:replied": {}}'
    html = pieces_of(desk, talk)
    assert "Taken back, never sent" in html and "data-undo" not in html
    talk.refresh_from_db()
    assert talk.last_message_direction == ""


def test_what_was_begun_meanwhile_is_kept_after_it(desk: Client, answered: MessageData) -> None:
    box = desk.post(undo_of(answered), {"text": "And <b>bring"}).content.decode()

    assert ">Robert comes at two.\n\nAnd &lt;b&gt;bring</textarea>" in box


def test_too_late_is_told_and_keeps_what_was_begun(desk: Client, answered: MessageData, talk: Conversation) -> None:
    MessageData.objects.update(status=MessageStatus.SENT, sent_ts=timezone.now())

    box = desk.post(undo_of(answered), {"text": "Also:"})

    assert "Too late." in box.content.decode() and ">Also:</textarea>" in box.content.decode()
    assert "HX-Trigger" not in box
    assert "data-undo" not in pieces_of(desk, talk)


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": datetime(2025, 1, 1, tzinfo=UTC)},
        {"state": "working", "lease_until": datetime(2125, 1, 1, tzinfo=UTC)},
    ],
)
def test_the_button_goes_when_the_time_is_over(
    desk: Client, answered: MessageData, talk: Conversation, changes: dict[str, Any]
) -> None:
    SendBatch.objects.update(**changes)

    assert "data-undo" not in pieces_of(desk, talk)


def test_nobody_takes_back_what_another_wrote(
    client: Client, desk: Client, answered: MessageData, talk: Conversation
) -> None:
    client.force_login(UserFactory(is_superuser=True, is_staff=True))

    assert "data-undo" not in pieces_of(client, talk)
    assert client.post(undo_of(answered), {"text": ""}).status_code == 404
    answered.refresh_from_db()
    assert answered.status == MessageStatus.PENDING


def test_without_a_window_an_answer_leaves_at_once(desk: Client, talk: Conversation, settings: LazySettings) -> None:
    settings.UNDO_SECONDS_PEOPLE = 0

    desk.post(box_of(talk), {"text": "Robert comes at two."})

    assert SendBatch.objects.get().due_at <= timezone.now()
    assert "data-undo" not in pieces_of(desk, talk)


# --- the box ---------------------------------------------------------------------------------------------------------


def test_the_box_names_the_channel_and_warns_of_a_closed_conversation(
    desk: Client, talk: Conversation, john: Customer
) -> None:
    closed = ConversationFactory(customer=john, status="closed", closed_reason="idle", ended_at=talk.started_at)

    assert "Send SMS" in desk.get(box_of(talk)).content.decode()
    assert "This conversation is closed" in desk.get(box_of(closed)).content.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("Hello", "5 characters · 1 segment"),
        ("a" * 161, "161 characters · 2 segments"),
        ("Perfect 👍", "9 characters · 1 segment"),
    ],
)
def test_the_carriers_count_is_shown(desk: Client, text: str, said: str) -> None:
    html = desk.post(reverse("communications:count"), {"text": text}).content.decode()

    assert said in html
    assert ("makes it Unicode" in html) is ("👍" in text)


def test_each_outbound_entry_learns_what_became_of_it(desk: Client, talk: Conversation) -> None:
    interaction = InteractionFactory(conversation=talk, interaction_subtype="outbound")
    row = MessageDataFactory(
        customer=talk.customer,
        interaction=interaction,
        status=MessageStatus.SUPPRESSED,
        decision="skip",
        decision_reason=Reason.OPTED_OUT,
    )

    html = desk.get(reverse("communications:deliveries", args=[talk.pk])).content.decode()

    assert f'id="sent-{interaction.pk}"' in html and "Suppressed" in html
    assert reverse("admin:communications_messagedata_change", args=[row.pk]) in html


def test_the_pieces_cost_the_same_for_one_message_and_for_ten(
    desk: Client, talk: Conversation, django_assert_num_queries: object
) -> None:
    for count in (1, 9):
        for _ in range(count):
            MessageDataFactory(interaction=InteractionFactory(conversation=talk))
        with django_assert_num_queries(4):  # type: ignore[operator]
            desk.get(reverse("communications:deliveries", args=[talk.pk]))


def test_nobody_answers_without_the_permission(client: Client, talk: Conversation) -> None:
    assert client.post(box_of(talk), {"text": "Hello"}).status_code == 302
    client.force_login(UserFactory(is_staff=True))

    assert client.post(box_of(talk), {"text": "Hello"}).status_code == 403
    assert client.post(reverse("communications:count"), {"text": "Hello"}).status_code == 403
    assert client.get(reverse("communications:deliveries", args=[talk.pk])).status_code == 403


def test_a_foreign_page_cannot_answer(agent: User, talk: Conversation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent)

    assert client.post(box_of(talk), {"text": "Hello"}).status_code == 403


def test_an_unknown_conversation_is_not_found(desk: Client, talk: Conversation, john: Customer) -> None:
    assert desk.post(reverse("communications:reply", args=[john.pk]), {"text": "Hello"}).status_code == 404
