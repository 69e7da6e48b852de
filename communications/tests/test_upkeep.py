from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.events import apply_events
from communications.actions.upkeep import send_doubtful_mail_again, settle_doubts, tidy
from communications.choices import EventKind, MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.models import IdempotencyKey, MessageData, SendBatch, WebhookDelivery
from communications.providers.base import DeliveryReceipt
from communications.sending.run import send_due
from communications.tests.engine_fixtures import at_once, batch_of, fresh, make_old, provider, waiting
from communications.tests.factories import IdempotencyKeyFactory, MessageSchemaFactory, WebhookDeliveryFactory
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


# --- mail in doubt


def mail_in_doubt(*, age: float = 601, rather_twice: bool = True, **values: Any) -> MessageData:
    schema = MessageSchemaFactory(message_delivery_method="EMAIL", rather_twice_than_never=rather_twice)
    doubtful = {
        "channel": "email",
        "provider": "sendgrid",
        "message_delivery_method": "EMAIL",
        "message_schema": schema,
        "status": MessageStatus.UNCERTAIN,
        "decision_reason": Reason.NO_ANSWER,
        "decided_ts": timezone.now() - timedelta(seconds=age),
    }
    [row] = waiting(**{**doubtful, **values})
    return row


def test_mail_in_doubt_is_sent_once_more_where_its_template_says_rather_twice_than_never() -> None:
    row = mail_in_doubt()

    assert send_doubtful_mail_again() == 1

    again = fresh(row)
    assert (again.status, again.decision_reason, again.retry_count) == (MessageStatus.PENDING, Reason.RETRY, 0)
    batch = batch_of(again)
    assert (batch.channel, batch.provider, batch.state) == ("email", "sendgrid", "waiting")
    MessageData.objects.update(status=MessageStatus.UNCERTAIN)  # and no answer came again
    assert send_doubtful_mail_again() == 0
    assert fresh(row).status == MessageStatus.UNCERTAIN


def test_other_mail_waits_for_its_own_events() -> None:
    rows = [
        mail_in_doubt(age=590),
        mail_in_doubt(rather_twice=False),
        mail_in_doubt(purpose="marketing"),
        mail_in_doubt(expires_ts=timezone.now() - timedelta(seconds=1)),
        mail_in_doubt(message_delivery_method="SMS"),
        mail_in_doubt(message_schema=None),
    ]

    assert send_doubtful_mail_again() == 0
    assert {fresh(row).status for row in rows} == {MessageStatus.UNCERTAIN}


def test_when_both_mails_arrive_the_message_says_that_it_may_be_a_double() -> None:
    row = mail_in_doubt()
    send_doubtful_mail_again()

    apply_events(
        [
            DeliveryReceipt(
                reference=row.pk,
                provider="sendgrid",
                event_id=name,
                kind=EventKind.DELIVERED,
                provider_message_id=name,
            )
            for name in ("first", "second")
        ]
    )

    assert (fresh(row).status, fresh(row).possible_duplicate) == (MessageStatus.DELIVERED, True)


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_send_each_mail_once_more() -> None:
    for _ in range(10):
        mail_in_doubt()

    assert sum(at_once(*[send_doubtful_mail_again] * 4)) == 10

    assert SendBatch.objects.filter(state="waiting", messages__isnull=False).distinct().count() <= 4
