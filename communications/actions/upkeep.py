"""What the tick does besides sending: settle doubts, close idle conversations, drop what is kept for a time only."""

from datetime import timedelta

from django.conf import settings

from communications.actions.events import look_up
from communications.models import IdempotencyKey, MessageData, WebhookDelivery
from communications.sending.sweep import take_doubts
from config.db import now as database_now
from config.numbers import make_sequences_ahead
from interactions.actions.conversations import close_idle_conversations
from interactions.models import ProcessedMessage

NUMBER_KINDS = ("MSG", "INT")
PROCESSED_DAYS = 7
_AT_ONCE = 1_000


def settle_doubts() -> int:
    """Look up uncertain messages that are old enough. Returns how many were settled."""
    doubtful = take_doubts()
    return look_up(MessageData.objects.filter(pk__in=doubtful)) if doubtful else 0


def tidy() -> None:
    """Small bites, each tick: what is old leaves the tables it only passes through."""
    close_idle_conversations()
    make_sequences_ahead(NUMBER_KINDS)
    at = database_now()
    done = WebhookDelivery.objects.filter(
        state=WebhookDelivery.State.DONE, received_at__lt=at - timedelta(days=settings.JOURNAL_KEEP_DAYS)
    )
    old_keys = IdempotencyKey.objects.filter(created_ts__lt=at - timedelta(hours=settings.IDEMPOTENCY_KEEP_HOURS))
    processed = ProcessedMessage.objects.filter(processed_at__lt=at - timedelta(days=PROCESSED_DAYS))
    for old in (done, old_keys, processed):
        old.model._default_manager.filter(pk__in=list(old.values_list("pk", flat=True)[:_AT_ONCE])).delete()
