"""Opens and clicks: raw in the journal, folded by its worker, each counted exactly once whatever is repeated."""

import json
from typing import Any

import pytest
from django.test import Client
from uuid_utils.compat import uuid7

from communications.actions.journal import process_due, replay
from communications.choices import EventKind, MessageStatus
from communications.exceptions import ProviderFailure, UnreadableDelivery, WebhookRejected
from communications.models import DeliveryEvent, MessageData, WebhookDelivery
from communications.providers import loop, registry
from communications.tests.engine_fixtures import fresh
from communications.tests.factories import WebhookDeliveryFactory
from communications.tests.rendering.emails import button
from communications.tests.tracking.mails import mailed, version_of
from communications.tracking.tokens import token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def message() -> MessageData:
    return mailed(version_of(button("https://huronhome.ca/{{ x }}")), variables={"x": "a"})


def visit(message: MessageData, *rests: str, **values: Any) -> None:
    for rest in rests:
        Client().get(f"/t/{token_for(message.pk)}/{rest}", **values)


def test_opens_and_clicks_become_times_and_counts_of_the_message(message: MessageData) -> None:
    visit(message, "o.gif", "c/1", "o.gif")
    process_due()

    row = fresh(message)
    first_open, first_click = (
        WebhookDelivery.objects.filter(endpoint=kind).earliest("received_at").received_at for kind in ("open", "click")
    )
    assert (row.open_count, row.click_count) == (2, 1)
    assert (row.opened_ts, row.clicked_ts) == (first_open, first_click)
    assert (row.status, row.possible_duplicate, row.anomaly) == (MessageStatus.DELIVERED, False, "")


def test_an_event_says_what_was_followed_and_by_what(message: MessageData) -> None:
    visit(message, "c/1", headers={"User-Agent": "Mail/1.0", "Referer": "https://a.ca"}, REMOTE_ADDR="203.0.113.9")
    process_due()

    event, delivery = DeliveryEvent.objects.get(), WebhookDelivery.objects.get()
    assert (event.provider, event.kind, event.event_id) == ("tracking", EventKind.CLICKED, str(delivery.pk))
    assert event.url.startswith("https://huronhome.ca/a?utm_source=rapport")
    assert (event.user_agent, event.ip_address, event.payload["position"]) == ("Mail/1.0", "203.0.113.9", 1)
    assert (event.occurred_at, event.webhook_delivery_id) == (delivery.received_at, delivery.pk)


def test_a_replay_counts_nothing_twice(message: MessageData) -> None:
    visit(message, "o.gif", "c/1")
    process_due()
    before = (fresh(message).open_count, fresh(message).click_count, fresh(message).opened_ts)

    for _ in range(2):
        replay(WebhookDelivery.objects.all())
        assert process_due() == 2

    assert (fresh(message).open_count, fresh(message).click_count, fresh(message).opened_ts) == before
    assert DeliveryEvent.objects.count() == 2


def test_a_hit_on_a_message_that_is_gone_does_not_hold_up_the_others(message: MessageData) -> None:
    Client().get(f"/t/{token_for(uuid7())}/o.gif")
    visit(message, "o.gif")
    process_due()

    assert fresh(message).open_count == 1
    assert WebhookDelivery.objects.filter(state="done").count() == 1


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("open", b""),
        ("open", b"not json"),
        ("open", b"[]"),
        ("open", b'"x"'),
        ("open", b"{}"),
        ("open", b'{"message": "x"}'),
        ("open", b'{"message": null}'),
        ("open", b"\xff"),
        ("nonsense", json.dumps({"message": "0197a3a6-7c4e-7d0a-9f4e-3d2a1b0c9d8e"}).encode()),
    ],
)
def test_what_is_no_hit_of_ours_is_quarantined(endpoint: str, body: bytes) -> None:
    delivery = WebhookDeliveryFactory(provider="tracking", endpoint=endpoint, body=body)
    process_due()

    delivery.refresh_from_db()
    assert delivery.state == "quarantined" and delivery.reason.startswith("UnreadableDelivery")


def test_nothing_is_sent_asked_or_posted_by_our_own_pages(rf: Any) -> None:
    tracking = registry.get("tracking")

    assert loop.run(tracking.lookup([])) == []
    with pytest.raises(ProviderFailure):
        loop.run(tracking.send([]))
    with pytest.raises(WebhookRejected):
        tracking.verify(rf.post("/"), "https://rapport.test/")
    with pytest.raises(UnreadableDelivery):
        tracking.parse_inbound(None)  # type: ignore[arg-type]
    loop.close()
