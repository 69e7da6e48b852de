"""A person's word on a message in doubt: it arrived, it is lost, ask the provider, send it again."""

from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.actions.doubt import take_for_arrived, take_for_lost
from communications.actions.events import apply_events
from communications.admin import doubt as pages
from communications.choices import EventKind, MessageStatus, Reason
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.providers.base import DeliveryReceipt
from communications.tests.factories import MessageDataFactory
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.back_office import list_url, row_url
from customers.tests.database import at_once

pytestmark = pytest.mark.django_db
SENT, FAILED, UNCERTAIN = MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.UNCERTAIN


@pytest.fixture
def emily() -> User:
    return UserFactory(name="Emily Thompson", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, emily: User) -> Client:
    client.force_login(emily)
    return client


def in_doubt() -> MessageData:
    return MessageDataFactory(status=UNCERTAIN, decision_reason=Reason.NO_ANSWER, decided_ts=timezone.now())


def fresh(message: MessageData) -> MessageData:
    return MessageData.objects.get(pk=message.pk)


def told(message: MessageData, kind: EventKind) -> DeliveryReceipt:
    return DeliveryReceipt(reference=message.pk, provider="twilio", event_id=f"{message.pk}-{kind}", kind=kind)


def decide(client: Client, message: MessageData, word: str, **form: str) -> str:
    address = reverse("admin:communications_messagedata_decide", args=[message.pk, word])
    return client.post(address, form, follow=True).content.decode()


def test_what_arrived_counts_as_sent_stands_in_the_record_and_says_who_said_so(emily: User) -> None:
    message = in_doubt()

    take_for_arrived(message, by=emily)

    row = fresh(message)
    assert (row.status, row.sent_ts is None, row.interaction_id is None) == (SENT, False, False)
    assert row.delivery_events.get().reason == "Emily Thompson looked: it arrived."


def test_what_is_lost_counts_as_failed_and_leaves_no_more(emily: User) -> None:
    message = in_doubt()

    take_for_lost(message, by=emily)

    row = fresh(message)
    assert (row.status, row.decision_detail) == (FAILED, "Taken for lost by Emily Thompson.")


def test_the_providers_later_word_still_counts(emily: User) -> None:
    arrived, lost = in_doubt(), in_doubt()
    take_for_arrived(arrived, by=emily)
    take_for_lost(lost, by=emily)

    apply_events([told(arrived, EventKind.UNDELIVERED), told(lost, EventKind.DELIVERED)])

    assert fresh(arrived).status == FAILED
    assert fresh(lost).status == MessageStatus.DELIVERED


@pytest.mark.parametrize("status", [MessageStatus.PENDING, SENT, FAILED, MessageStatus.SUPPRESSED])
def test_what_is_in_doubt_no_longer_is_left_alone(emily: User, status: str) -> None:
    message = in_doubt()
    MessageData.objects.update(status=status, sent_ts=timezone.now())

    for take in (take_for_arrived, take_for_lost):
        with pytest.raises(SendRefused, match="in doubt no longer"):
            take(message, by=emily)
    assert fresh(message).status == status


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_is_heard(emily: User) -> None:
    message = in_doubt()

    def heard(take: object) -> bool:
        try:
            take(message, by=emily)  # type: ignore[operator]
        except SendRefused:
            return False
        return True

    answers = at_once(lambda: heard(take_for_arrived), lambda: heard(take_for_lost))

    assert sorted(answers) == [False, True]


def test_the_list_of_what_is_in_doubt_has_a_button_for_each_decision(staff: Client) -> None:
    message = in_doubt()

    everything = staff.get(list_url(MessageData)).content.decode()
    doubts = staff.get(list_url(MessageData, status__exact="uncertain")).content.decode()

    address = reverse("admin:communications_messagedata_decide", args=[message.pk, "WORD"])
    for word in ("look-up", "arrived", "lost", "again"):
        assert address.replace("WORD", word) in doubts
        assert address.replace("WORD", word) not in everything


def test_each_button_does_what_it_says(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, lost, again, asked = in_doubt(), in_doubt(), in_doubt(), in_doubt()
    look_up = Mock(return_value=1)
    monkeypatch.setattr(pages, "look_up", look_up)

    assert "it counts as sent" in decide(staff, arrived, "arrived")
    assert "it counts as failed" in decide(staff, lost, "lost")
    assert "sent again as MSG-" in decide(staff, again, "again")
    assert "the provider settled it" in decide(staff, asked, "look-up", _page="1")

    assert [fresh(each).status for each in (arrived, lost, again, asked)] == [SENT, FAILED, FAILED, UNCERTAIN]
    assert look_up.call_args.args[0].get() == asked
    assert "in doubt no longer" in decide(staff, lost, "arrived")


def test_a_decision_is_a_post_by_somebody_who_may(client: Client) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_messagedata"))
    client.force_login(reader)
    message = in_doubt()
    address = reverse("admin:communications_messagedata_decide", args=[message.pk, "lost"])

    assert client.post(address).status_code == 403
    assert "/decide/" not in client.get(list_url(MessageData, status__exact="uncertain")).content.decode()
    assert "/decide/" not in client.get(row_url(message)).content.decode()
    reader.user_permissions.add(Permission.objects.get(codename="change_messagedata"))
    reader = User.objects.get(pk=reader.pk)
    client.force_login(reader)
    assert client.get(address).status_code == 405
    assert client.post(address.replace("/lost/", "/again/")).status_code == 403
    assert client.post(address.replace("/lost/", "/nothing/")).status_code == 404
    assert client.post(address).status_code == 302
    assert fresh(message).status == FAILED
