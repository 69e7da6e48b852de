from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from communications.choices import DeliveryMethod, EventKind, MessageStatus
from communications.models import MessageData
from communications.tests.api.conftest import MESSAGES
from communications.tests.factories import DeliveryEventFactory, MessageDataFactory
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of

SENT = datetime(2025, 1, 10, 10, 0, tzinfo=UTC)
OPENED = datetime(2025, 1, 10, 10, 15, tzinfo=UTC)
CLICKED = datetime(2025, 1, 10, 10, 17, tzinfo=UTC)
BOOK, SHOP = "https://example.com/book", "https://example.com/shop"


@pytest.fixture
def read_mail(db: None) -> MessageData:
    """UC-3's mail to Jane, opened once and clicked three times."""
    mail = MessageDataFactory(
        message_delivery_method=DeliveryMethod.EMAIL,
        recipient="jane@example.com",
        status=MessageStatus.DELIVERED,
        sent_ts=SENT,
        opened_ts=OPENED,
        open_count=1,
        clicked_ts=CLICKED,
        click_count=3,
    )
    for url in (SHOP, BOOK, BOOK):
        DeliveryEventFactory(message_data=mail, kind=EventKind.CLICKED, url=url, received_at=CLICKED)
    return mail


def test_opens_and_clicks_are_told_by_link(client: APIClient, read_mail: MessageData) -> None:
    shown = client.get(f"{MESSAGES}/{read_mail.pk}/track").json()

    assert (shown["opened"], shown["opened_at"], shown["open_count"]) == (True, "2025-01-10T10:15:00Z", 1)
    assert (shown["clicked"], shown["clicked_at"], shown["click_count"]) == (True, "2025-01-10T10:17:00Z", 3)
    assert [(link["url"], link["clicks"]) for link in shown["links"]] == [(BOOK, 2), (SHOP, 1)]
    assert shown["links"][0]["first_clicked_at"] == "2025-01-10T10:17:00Z"


def test_a_message_that_nobody_touched_has_nothing_to_track(client: APIClient) -> None:
    message = MessageDataFactory(segment_count=2)

    shown = client.get(f"{MESSAGES}/{message.pk}/track/").json()

    assert (shown["opened"], shown["opened_at"], shown["clicked"], shown["links"]) == (False, None, False, [])
    assert (shown["status"], shown["segment_count"]) == ("pending", 2)


def test_tracking_costs_the_same_queries_however_often_it_was_clicked(
    client: APIClient, read_mail: MessageData
) -> None:
    with CaptureQueriesContext(connection) as few:
        client.get(f"{MESSAGES}/{read_mail.pk}/track")
    DeliveryEventFactory.create_batch(20, message_data=read_mail, kind=EventKind.CLICKED, url=SHOP)
    with CaptureQueriesContext(connection) as many:
        client.get(f"{MESSAGES}/{read_mail.pk}/track")

    assert len(many) == len(few) <= 6


def test_tracking_is_for_those_who_may_see_messages(read_mail: MessageData) -> None:
    response = client_of(UserFactory()).get(f"{MESSAGES}/{read_mail.pk}/track")

    assert response.status_code == 403


def test_an_unknown_message_is_not_tracked(client: APIClient) -> None:
    response = client.get(f"{MESSAGES}/01890000-0000-7000-8000-000000000000/track")

    assert (response.status_code, errors_of(response)) == (404, {("not_found", None)})
