"""A message's page: one line of time, the provider's own words, the mail as its reader got it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.actions.message_request import MessageRequest
from communications.actions.messages import send_message
from communications.choices import DecisionKind, EventKind, MessageStatus
from communications.models import DeliveryEvent, MessageData, WebhookDelivery
from communications.tests.factories import DeliveryEventFactory, MessageDataFactory
from communications.tests.test_template_pages import email
from communications.tracking.tokens import token_for
from config.accounts.tests.factories import UserFactory
from config.tests.back_office import list_url, row_url
from customers.tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def mail() -> MessageData:
    customer = CustomerFactory(first_name="John", name="John <Smith>")
    return send_message(
        MessageRequest(
            schema=email(),
            customer=customer,
            recipient="john@rapport.test",
            variables={"orderNumber": "1042", "orderUrl": "https://shop.test/1042", "items": []},
        )
    )


def frame(message: MessageData, **query: str) -> str:
    return reverse("admin:communications_messagedata_mail", args=[message.pk], query=query or None)


def test_everything_stands_in_one_line_of_time_with_the_providers_own_words(staff: Client) -> None:
    at = timezone.now() - timedelta(hours=1)
    row = MessageDataFactory(
        status=MessageStatus.SENT,
        created_ts=at,
        created_by=UserFactory(name="Emily Thompson"),
        decision=DecisionKind.SEND,
        decided_ts=at + timedelta(seconds=1),
        sent_ts=at + timedelta(seconds=2),
        provider_message_id="SM1",
    )
    words = {"MessageStatus": "delivered", "Odd": "<script>alert(1)</script>"}
    DeliveryEventFactory(message_data=row, occurred_at=at + timedelta(seconds=3), payload=words)

    html = staff.get(row_url(row)).content.decode()

    story = html[html.index("rp-steps") :]
    places = [story.index(word) for word in ("Taken on", "by Emily", "Decided: send", "Taken by twilio", "Delivered")]
    assert places == sorted(places)
    assert "&lt;script&gt;alert(1)" in story and "<script>alert(1)" not in html


def test_a_provider_that_tells_minutes_delivers_nothing_before_it_took_it(staff: Client) -> None:
    at = datetime(2025, 11, 14, 15, 0, 39, tzinfo=UTC)
    row = MessageDataFactory(status=MessageStatus.SENT, created_ts=at, sent_ts=at, scheduled_ts=at)
    DeliveryEventFactory(message_data=row, kind=EventKind.SENT, received_at=at + timedelta(seconds=1))
    DeliveryEventFactory(message_data=row, occurred_at=at.replace(second=0), received_at=at + timedelta(seconds=2))

    html = staff.get(row_url(row)).content.decode()

    story = html[html.index("rp-steps") :]
    places = [story.index(word) for word in ("Taken by twilio", "Sent to the carrier", "Delivered")]
    assert places == sorted(places)
    assert "heard 10:00:41" in story  # the clock on the wall in Toronto
    assert "Nov 14, 2025, 10:00<" in html.replace("\n", "").replace(" <", "<")


def test_of_endless_events_the_first_are_shown_and_the_rest_are_a_link(staff: Client) -> None:
    row = MessageDataFactory(message_delivery_method="EMAIL", recipient="a@rapport.test")
    events = DeliveryEventFactory.build_batch(203, message_data=row, kind=EventKind.OPENED)
    DeliveryEvent.objects.bulk_create(events)

    html = staff.get(row_url(row)).content.decode()

    assert html.count("<strong>Opened</strong>") == 200
    assert f"?q={row.message_number}" in html


def test_the_mail_is_shown_as_it_was_sent_and_looking_at_it_is_no_opening(staff: Client, mail: MessageData) -> None:
    page = staff.get(row_url(mail)).content.decode()
    answer = staff.get(frame(mail))
    html = answer.content.decode()

    assert "Order 1042" in page and "Message-ID" in page and "john@rapport.test" in page
    assert frame(mail) in page
    assert "Hello John," in html
    assert token_for(mail.pk) not in html and "/o.gif" not in html
    assert "https://preview.invalid/t/c/1" in html  # a click there is nobody's
    assert "default-src 'none'" in answer["Content-Security-Policy"] and "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "invert(1)" in staff.get(frame(mail, scheme="dark")).content.decode()
    assert not WebhookDelivery.objects.exists() and not DeliveryEvent.objects.exists()


def test_a_mail_that_cannot_be_rendered_says_why(staff: Client, mail: MessageData) -> None:
    MessageData.objects.update(content_data={"variables": {}})

    assert "No value for: " in staff.get(row_url(mail)).content.decode()
    assert staff.get(frame(mail)).status_code == 404


def test_only_who_may_see_messages_sees_the_mail(client: Client, mail: MessageData) -> None:
    clerk = UserFactory(is_staff=True)
    client.force_login(clerk)
    assert client.get(frame(mail)).status_code == 403

    clerk.user_permissions.add(Permission.objects.get(codename="view_messagedata"))
    assert client.get(frame(mail)).status_code == 200
    assert client.get(frame(MessageDataFactory())).status_code == 404  # an SMS


def test_a_message_is_found_by_its_customers_name(staff: Client) -> None:
    row = MessageDataFactory(customer=CustomerFactory(name="Jane Doe", first_name="Jane", last_name="Doe"))
    other = MessageDataFactory()

    html = staff.get(list_url(MessageData, q="jane d")).content.decode()

    assert str(row.pk) in html and str(other.pk) not in html
