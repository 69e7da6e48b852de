"""What the tick does besides sending: settle doubts, close idle conversations, drop what is kept for a time only."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from communications import wake
from communications.actions.events import look_up
from communications.choices import DeliveryMethod, MessageStatus, Reason
from communications.models import IdempotencyKey, MessageData, WebhookDelivery
from communications.sending.requeue import requeue
from communications.sending.sweep import take_doubts
from config.db import now as database_now
from config.db import update_rows
from config.numbers import make_sequences_ahead
from customers.choices import Purpose
from interactions.actions.conversations import close_idle_conversations
from interactions.models import ProcessedMessage

NUMBER_KINDS = ("MSG", "INT")
PROCESSED_DAYS = 7
SENT_AGAIN = "sent_again"  # a key of MessageData.metadata
_AT_ONCE = 1_000


def settle_doubts() -> int:
    """Look up uncertain messages that are old enough, and send mail again where that was wished. Returns how many doubts ended."""
    doubtful = take_doubts()
    settled = look_up(MessageData.objects.filter(pk__in=doubtful)) if doubtful else 0
    return settled + send_doubtful_mail_again()


@transaction.atomic
def send_doubtful_mail_again() -> int:
    """Mail rather twice than never: once, by itself, and only where the template says so.

    Nobody can be asked about it, and its own events had their time. If both arrive, their events flag the double; what has
    expired or is marketing stays in doubt.
    """
    at = database_now()
    rows = list(_mail_wished_twice(at)[:_AT_ONCE])
    for row in rows:
        row.status, row.decision_reason = MessageStatus.PENDING, Reason.RETRY
        row.metadata = {**row.metadata, SENT_AGAIN: at.isoformat()}
    update_rows(rows, ("status", "decision_reason", "metadata"))
    requeue([(row, at) for row in rows])
    if rows:
        wake.sender(Purpose.TRANSACTIONAL)
    return len(rows)


def _mail_wished_twice(at: datetime) -> "QuerySet[MessageData]":
    """The decision was made just before the call (or noted when its sender was found dead): it tells the doubt's age."""
    return (
        MessageData.objects.filter(
            Q(expires_ts__isnull=True) | Q(expires_ts__gt=at),
            status=MessageStatus.UNCERTAIN,
            message_delivery_method=DeliveryMethod.EMAIL,
            purpose=Purpose.TRANSACTIONAL,
            message_schema__rather_twice_than_never=True,
            decided_ts__lte=at - timedelta(seconds=settings.MAIL_AGAIN_AFTER_SECONDS),
        )
        .exclude(metadata__has_key=SENT_AGAIN)
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("id")
    )


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
