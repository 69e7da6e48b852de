from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.upkeep import settle_doubts, tidy
from communications.choices import MessageStatus
from communications.emulator.testing import Emulator
from communications.models import IdempotencyKey, WebhookDelivery
from communications.sending.run import send_due
from communications.tests.engine_fixtures import fresh, make_old, provider, waiting
from communications.tests.factories import IdempotencyKeyFactory, WebhookDeliveryFactory
from interactions.models import Conversation, ProcessedMessage
from interactions.tests.factories import ConversationFactory, ProcessedMessageFactory

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


def days_ago(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


def test_only_deliveries_that_are_done_and_old_are_dropped(settings: Any) -> None:
    settings.JOURNAL_KEEP_DAYS = 30
    done = {"state": "done", "processed_at": timezone.now()}
    WebhookDeliveryFactory(**done, received_at=days_ago(31))
    kept = [
        WebhookDeliveryFactory(**done, received_at=days_ago(29)),
        WebhookDeliveryFactory(received_at=days_ago(31)),
        WebhookDeliveryFactory(state="quarantined", reason="Unreadable.", received_at=days_ago(31)),
    ]

    tidy()

    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {each.pk for each in kept}


def test_keys_and_marks_are_kept_for_their_time(settings: Any) -> None:
    settings.IDEMPOTENCY_KEEP_HOURS = 24
    IdempotencyKeyFactory(created_ts=days_ago(1.1))
    key = IdempotencyKeyFactory(created_ts=days_ago(0.9))
    ProcessedMessageFactory(processed_at=days_ago(7.1))
    mark = ProcessedMessageFactory(processed_at=days_ago(6.9))

    tidy()

    assert list(IdempotencyKey.objects.all()) == [key]
    assert list(ProcessedMessage.objects.all()) == [mark]


def test_idle_conversations_are_closed_by_the_way() -> None:
    idle = ConversationFactory(last_activity_at=days_ago(1.1))
    busy = ConversationFactory(last_activity_at=days_ago(0.9))

    tidy()

    assert Conversation.objects.get(pk=idle.pk).closed_reason == "idle"
    assert Conversation.objects.get(pk=busy.pk).status == "active"


def test_doubts_that_are_old_enough_are_settled(provider: Emulator, settings: Any) -> None:
    settings.LOOKUP_AFTER_SECONDS = 60
    provider.faults("accept_then_drop", times=1)
    provider.faults("drop_before", times=1)
    rows = [*waiting(), *waiting(), *waiting(status=MessageStatus.UNCERTAIN)]
    send_due("transactional")
    make_old(*rows[:2], seconds=61)

    assert settle_doubts() == 2

    statuses = sorted(fresh(row).status for row in rows[:2])
    assert statuses[0] == MessageStatus.PENDING
    assert statuses[1] in (MessageStatus.SENT, MessageStatus.DELIVERED)
    assert fresh(rows[2]).status == MessageStatus.UNCERTAIN
    assert settle_doubts() == 0
