"""What was sent becomes part of the record: one interaction a message, and the message's state in the thread."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from django.utils import timezone

from communications.choices import MessageStatus
from communications.models import MessageData
from communications.sending.facts import channel_of
from communications.sending.rows import SendingRow, write_rows
from config.db import fetch_all
from customers.choices import Channel
from interactions.actions.facts import OutboundRecord
from interactions.actions.record import record_outbound_many
from interactions.choices import DeliveryStatus
from interactions.wake import conversation_changed

Logged: TypeAlias = SendingRow | MessageData

_WORDS = {
    MessageStatus.SENT: DeliveryStatus.SENT,
    MessageStatus.DELIVERED: DeliveryStatus.DELIVERED,
    MessageStatus.FAILED: DeliveryStatus.FAILED,
    MessageStatus.SUPPRESSED: DeliveryStatus.FAILED,
    MessageStatus.CANCELLED: DeliveryStatus.FAILED,
    MessageStatus.BOUNCED: DeliveryStatus.UNDELIVERED,
}


def log_sent(messages: Sequence[Logged]) -> None:
    """Log each message that is not in the record yet. A notice to an employee is none; a reply stands there already.

    The caller holds the row locks of the customers and of the messages.
    """
    unlogged = [m for m in messages if m.customer_id and not m.interaction_id]
    records = [record_of(message, sent_at=message.sent_ts or timezone.now()) for message in unlogged]
    record_outbound_many(records)
    for message, record in zip(unlogged, records, strict=True):
        message.interaction_id = record.interaction_id
    write_rows(unlogged, ("interaction",))
    show_delivery(messages)


def show_delivery(messages: Sequence[Logged]) -> None:
    """The state of replies on the thread's messages and their details, in the sources' words, in two statements."""
    replies = [m for m in messages if m.message_id and _word(m)]
    if not replies:
        return
    columns = [
        [m.message_id for m in replies],
        [_word(m) for m in replies],
        [m.provider_message_id for m in replies],
        [m.error_code for m in replies],
        [m.failed_reason for m in replies],
        [m.delivered_ts for m in replies],
        [m.failed_ts for m in replies],
    ]
    fetch_all(
        """
        UPDATE communication_messages AS t SET delivery_status = v.word
        FROM unnest(%s::uuid[], %s::text[]) AS v(id, word) WHERE t.id = v.id
        """,
        columns[:2],
    )
    fetch_all(
        """
        UPDATE sms_details AS t SET delivery_status = v.word, provider_message_id = v.sid, error_code = left(v.code, 20),
            error_message = v.reason, delivered_at = v.delivered, failed_at = v.failed
        FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
            AS v(id, word, sid, code, reason, delivered, failed) WHERE t.message_id = v.id
        """,
        columns,
    )
    for conversation_id in {m.conversation_id for m in replies if m.conversation_id}:
        conversation_changed(conversation_id)


def _word(message: Logged) -> DeliveryStatus | None:
    if message.opened_ts and message.status == MessageStatus.DELIVERED and channel_of(message) == Channel.WHATSAPP:
        return DeliveryStatus.READ
    if message.status == MessageStatus.FAILED and message.sent_ts:
        return DeliveryStatus.UNDELIVERED
    return _WORDS.get(MessageStatus(message.status))


def record_of(message: Logged, *, sent_at: datetime) -> OutboundRecord:
    """What the record keeps of a message that left: of an e-mail its subject, for its page is rendered again."""
    if message.customer_id is None:
        raise ValueError(f"The message {message.pk} has no customer to be logged for.")
    channel = channel_of(message)
    return OutboundRecord(
        customer_id=message.customer_id,
        channel=channel,
        line="whatsapp" if channel == Channel.WHATSAPP else message.provider,
        content=message.content_data.get("finalMessage", ""),
        summary=message.content_data.get("subject", ""),
        sent_at=sent_at,
        metadata={"message_number": message.message_number},
    )
