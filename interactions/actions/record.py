"""Writing down what came in and what went out: interaction, message, details, the customer's counters."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from config.db import array_literal, fetch_all, insert_columns
from config.db import now as database_now
from config.numbers import take_numbers
from customers.choices import Channel
from customers.models import Customer, Employee
from interactions.actions.conversations import note_activity
from interactions.actions.facts import InboundMessage, OutboundRecord
from interactions.choices import (
    INTERACTION_TYPE_OF_CHANNEL,
    DeliveryStatus,
    Direction,
    InteractionSubtype,
    Lifecycle,
    Role,
)
from interactions.models import Conversation, EmailDetails, Interaction, Message, SmsDetails
from interactions.wake import conversation_changed

INLINE_BYTES = 10_000


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is written to a customer within a conversation, before it is sent. Without `employee` the system speaks."""

    channel: str
    line: str
    sender: str
    recipient: str
    content: str
    segments: int = 1
    encoding: str = ""
    employee: Employee | None = None


def find_recorded(inbound: InboundMessage) -> Message | None:
    """The message that a repeat of `inbound` repeats: the same id, or the one it was kept under, with the same content."""
    ids = (inbound.channel_message_id, _id_beside(inbound))
    known = Message.objects.filter(channel=inbound.channel, channel_message_id__in=ids)
    same = known.filter(content_hash=_hash(inbound.content))
    return same.select_related("conversation", "interaction").first()


def record_inbound(
    inbound: InboundMessage, *, customer: Customer, conversation: Conversation, joined_because: str
) -> tuple[Message, bool]:
    """Interaction, message and details of `inbound`; False with the existing message when it is recorded already.

    The caller holds the customer's row lock, so a repeat waits here; the unique (channel, id) is the last word.
    """
    existing = find_recorded(inbound)
    if existing:
        return existing, False
    at = database_now()  # the clock by which a conversation is active or idle
    interaction = _inbound_interaction(inbound, customer, conversation, at)
    message = Message.objects.create(
        conversation=conversation,
        interaction=interaction,
        channel=inbound.channel,
        direction=Direction.INBOUND,
        role=Role.CUSTOMER,
        content=inbound.content,
        content_type=inbound.content_type,
        content_hash=_hash(inbound.content),
        joined_because=joined_because,
        processed=True,
        sent_at=inbound.sent_at or at,
        **_identity(inbound),
    )
    _record_inbound_details(inbound, message)
    count_interactions([customer.pk], [at])
    note_activity(conversation, channel=inbound.channel, direction=Direction.INBOUND, at=at)
    conversation_changed(conversation.pk)
    return message, True


def record_reply(reply: Reply, *, conversation: Conversation) -> Message:
    """A reply as it is about to be sent: its interaction and message stand in the thread at once, queued."""
    at = database_now()  # the clock by which a conversation is active or idle
    interaction = Interaction.objects.create(
        interaction_number=take_numbers("INT")[0],
        customer_id=conversation.customer_id,
        conversation=conversation,
        employee=reply.employee,
        interaction_type=INTERACTION_TYPE_OF_CHANNEL[Channel(reply.channel)],
        interaction_subtype=InteractionSubtype.OUTBOUND,
        channel=reply.line,
        interaction_ts=at,
        interaction_person_entities=participants(
            conversation.customer_id, reply.employee.pk if reply.employee else None
        ),
        content_text=_inline(reply.content),
    )
    message = Message.objects.create(
        conversation=conversation,
        interaction=interaction,
        channel=reply.channel,
        direction=Direction.OUTBOUND,
        role=Role.AGENT if reply.employee else Role.SYSTEM,
        employee=reply.employee,
        content=reply.content,
        content_hash=_hash(reply.content),
        delivery_status=DeliveryStatus.QUEUED,
        sent_at=at,
    )
    if reply.channel in (Channel.SMS, Channel.WHATSAPP):
        SmsDetails.objects.create(
            message=message,
            from_number=reply.sender,
            to_number=reply.recipient,
            segments=max(reply.segments, 1),
            encoding=reply.encoding,
            delivery_status=DeliveryStatus.QUEUED,
        )
    count_interactions([conversation.customer_id], [at])
    note_activity(conversation, channel=reply.channel, direction=Direction.OUTBOUND, at=at)
    conversation_changed(conversation.pk)
    return message


def record_outbound_many(records: Sequence[OutboundRecord]) -> None:
    """One interaction for each message that was sent outside a conversation, under the id that its record brings.

    Three statements, however many: the caller holds the customers' row locks (see `lock_customers`).
    """
    if not records:
        return
    insert_columns(
        Interaction,
        {
            "id": [r.interaction_id for r in records],
            "interaction_number": take_numbers("INT", count=len(records)),
            "customer_id": [r.customer_id for r in records],
            "employee_id": [r.employee_id for r in records],
            "interaction_type": [INTERACTION_TYPE_OF_CHANNEL[Channel(r.channel)] for r in records],
            "interaction_subtype": [InteractionSubtype.OUTBOUND] * len(records),
            "channel": [r.line for r in records],
            "lifecycle": [Lifecycle.CAPTURED] * len(records),
            "interaction_ts": [r.sent_at for r in records],
            "interaction_person_entities": [Jsonb(participants(r.customer_id, r.employee_id)) for r in records],
            "content_text": [_inline(r.content) for r in records],
            "content_summary": [r.summary for r in records],
            "metadata": [Jsonb(r.metadata) for r in records],
        },
    )
    count_interactions([r.customer_id for r in records], [r.sent_at for r in records])


def lock_customers(customer_ids: Sequence[UUID]) -> None:
    """The row locks of many customers, in the order of their keys: two senders never wait for each other in a ring."""
    if customer_ids:
        fetch_all(
            "SELECT id FROM customers WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE",
            [array_literal(sorted(set(customer_ids)))],
        )


def _identity(inbound: InboundMessage) -> dict[str, Any]:
    """Under the provider's id; a second content under the same id is kept beside it, flagged, never dropped."""
    taken = Message.objects.filter(channel=inbound.channel, channel_message_id=inbound.channel_message_id).exists()
    if not taken:
        return {"channel_message_id": inbound.channel_message_id, "metadata": dict(inbound.metadata)}
    return {
        "channel_message_id": _id_beside(inbound),
        "metadata": {**inbound.metadata, "same_id_other_content": inbound.channel_message_id},
    }


def _id_beside(inbound: InboundMessage) -> str:
    return f"{inbound.channel_message_id}#{_hash(inbound.content)[:16]}"


def _inbound_interaction(
    inbound: InboundMessage, customer: Customer, conversation: Conversation, at: datetime
) -> Interaction:
    return Interaction.objects.create(
        interaction_number=take_numbers("INT")[0],
        customer=customer,
        conversation=conversation,
        interaction_type=INTERACTION_TYPE_OF_CHANNEL[Channel(inbound.channel)],
        interaction_subtype=InteractionSubtype.INBOUND,
        channel=inbound.line,
        lifecycle=Lifecycle.CAPTURED,
        interaction_ts=inbound.sent_at or at,
        interaction_person_entities=participants(customer.pk, None),
        content_text=_inline(inbound.content),
    )


def _record_inbound_details(inbound: InboundMessage, message: Message) -> None:
    if inbound.channel in (Channel.SMS, Channel.WHATSAPP):
        SmsDetails.objects.create(
            message=message,
            from_number=inbound.sender,
            to_number=inbound.recipient,
            provider_message_id=inbound.channel_message_id,
            segments=max(inbound.segments, 1),
            media_urls=list(inbound.media_urls),
        )
    elif inbound.channel == Channel.EMAIL:
        EmailDetails.objects.create(
            message=message,
            subject=inbound.subject[:500],
            body_text=inbound.content,
            from_address=inbound.sender,
            from_name=inbound.sender_name[:255],
            to_addresses=[inbound.recipient],
            message_id_header=inbound.channel_message_id,
            in_reply_to=next(iter(inbound.thread_message_ids), ""),
            references=list(inbound.thread_message_ids),
        )


def count_interactions(customer_ids: Sequence[UUID], moments: Sequence[datetime]) -> None:
    """Counters of the customers, in one statement."""
    if customer_ids:
        fetch_all(
            """
            UPDATE customers AS c
            SET total_interactions = c.total_interactions + v.count,
                last_interaction_at = GREATEST(c.last_interaction_at, v.latest)
            FROM (SELECT id, count(*) AS count, max(at) AS latest
                  FROM unnest(%s::uuid[], %s::timestamptz[]) AS x(id, at) GROUP BY id) AS v
            WHERE c.id = v.id
            """,
            [array_literal(customer_ids), array_literal(moments)],
        )


def participants(customer_id: UUID, employee_id: UUID | None) -> list[dict[str, str]]:
    """Who took part, as `interaction_person_entities` keeps it (source 000)."""
    people = [{"person_entity_type": "customer", "person_entity_id": str(customer_id), "role": "customer"}]
    if employee_id:
        people.append({"person_entity_type": "employee", "person_entity_id": str(employee_id), "role": "agent"})
    return people


def _inline(text: str) -> str:
    """The part of `text` that is kept on the interaction itself: under 10 KB."""
    return text.encode()[:INLINE_BYTES].decode(errors="ignore")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
