from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.actions.hold import hold_sending
from communications.choices import MessageStatus
from communications.home import last_day, providers
from communications.models import ProviderCircuit, SendBatch, SenderLine, WebhookDelivery
from communications.tests.factories import MessageDataFactory, SendBatchFactory, WebhookDeliveryFactory
from config.accounts.tests.factories import UserFactory

NOW = timezone.now()
HOUR = timedelta(hours=1)


def staff(*codenames: str) -> Client:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def day(db: None) -> None:
    """Three sent (one of them two days ago), one failed, one uncertain, one quarantined; two due, one later."""
    for back in (HOUR, 2 * HOUR, 48 * HOUR):
        MessageDataFactory(status=MessageStatus.SENT, sent_ts=NOW - back)
    MessageDataFactory(status=MessageStatus.FAILED, failed_ts=NOW - HOUR)
    MessageDataFactory(status=MessageStatus.UNCERTAIN)
    WebhookDeliveryFactory(state=WebhookDelivery.State.QUARANTINED, reason="No such message")
    SendBatchFactory(state=SendBatch.State.WAITING, due_at=NOW - HOUR, row_count=2)
    SendBatchFactory(state=SendBatch.State.WAITING, due_at=NOW + HOUR, row_count=1)


def test_the_last_day_is_counted(day: None) -> None:
    shown = last_day(NOW)

    assert (shown.sent.total, shown.failed.total, shown.uncertain, shown.quarantined) == (2, 1, 1, 1)
    assert (shown.waiting.due, shown.waiting.later, shown.waiting.is_late) == (2, 1, True)
    assert [bar.count for bar in shown.sent.bars[-3:]] == [1, 1, 0]
    assert shown.sent.busiest.height == 64


def test_an_empty_day_has_no_bars(db: None) -> None:
    shown = last_day(NOW)

    assert (shown.sent.total, shown.waiting.due, shown.waiting.is_late) == (0, 0, False)
    assert {bar.height for bar in shown.sent.bars} == {0}


def test_the_page_leads_to_what_it_counts(day: None, django_assert_max_num_queries: Any) -> None:
    client = staff("view_messagedata", "view_sendbatch", "view_webhookdelivery")

    with django_assert_max_num_queries(10):
        html = client.get(reverse("admin:index")).content.decode()

    assert 'aria-label="Sent by the hour; most, 1, at' in html
    for query in (
        "?time=come",
        "?lately=sent",
        "?lately=failed",
        "?status__exact=uncertain",
        "?state__exact=quarantined",
    ):
        assert query in html


def test_a_hold_stands_above_everything(db: None) -> None:
    hold_sending("restored from last night")

    html = staff("view_messagedata", "view_sendbatch").get(reverse("admin:index")).content.decode()

    assert "restored from last night" in html


def test_who_may_not_see_messages_sees_no_counts(day: None) -> None:
    assert "rp-day" not in staff("view_customer").get(reverse("admin:index")).content.decode()


@pytest.mark.django_db
def test_the_health_of_each_process_and_provider_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"celery": True, "marketing": False, "transactional": True}
    monkeypatch.setattr("communications.admin.home.queue_states", lambda: answers)
    ProviderCircuit.objects.create(provider="twilio", state="open", probe_at=NOW, opened_at=NOW, last_error="503")
    SenderLine.objects.create(provider="sendgrid", sender="", per_second=10, paused=True)

    html = staff("view_providercircuit").get(reverse("communications:health")).content.decode()

    assert "Campaigns: no answer" in html
    assert "Twilio: no calls for now (503)" in html
    assert "Sendgrid, paused: every other line" in html
    assert [each.name for each in providers()] == ["sendgrid", "twilio"]


@pytest.mark.django_db
def test_without_redis_no_process_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("communications.admin.home.engine_states", lambda: {"database": "ok", "redis": "unavailable"})

    html = staff().get(reverse("communications:health")).content.decode()

    assert "Redis: unavailable" in html
    assert "Sender" not in html


@pytest.mark.django_db
def test_the_health_is_for_staff() -> None:
    client = Client()
    client.force_login(UserFactory())

    assert client.get(reverse("communications:health")).status_code == 302
