"""Which conversation a message belongs to, and how conversations begin, switch channel, open again and close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from config.db import now as database_now
from customers.choices import Channel
from customers.models import Customer
from interactions.choices import INTERACTION_TYPE_OF_CHANNEL, DeliveryStatus, InteractionSubtype
from interactions.models import Conversation, Interaction, Message
from interactions.models.conversation import IDLE_AFTER
from interactions.resolution import Candidate, Kind, Reason, resolve

ADOPT_WITHIN = timedelta(days=14)  # an answer this late still belongs to the reminder or campaign before it


@dataclass(frozen=True, kw_only=True)
class Placed:
    conversation: Conversation
    reason: Reason
    is_new: bool


def place_message(customer: Customer, *, channel: str, thread_message_ids: Sequence[str] = ()) -> Placed:
    """The conversation for a message of `customer`, found, opened again or begun. The caller holds the customer's row lock.

    Candidates are read under their own row locks: who closes conversations does not hold the customer's.
    """
    explicit = _explicit(thread_message_ids, customer)
    active = Conversation.objects.active_of(customer).select_for_update(no_key=True).first()
    at = database_now()
    finished = Conversation.objects.filter(customer=customer, status=Conversation.Status.CLOSED)
    resolution = resolve(
        explicit=_candidate(explicit, customer),
        active=_candidate(active, customer),
        previous=_candidate(finished.order_by("-last_activity_at").first(), customer),
        now=at,
        window=IDLE_AFTER,
    )
    if resolution.closes_id:
        close_conversation(resolution.closes_id, Conversation.ClosedReason.IDLE, at)
    if resolution.conversation_id is None:
        return Placed(
            conversation=begin_conversation(customer, channel, at, resolution.continues_id),
            reason=resolution.reason,
            is_new=True,
        )
    conversation = Conversation.objects.locked(resolution.conversation_id)
    if resolution.kind is Kind.REOPEN:
        _reopen(conversation)
    _adopt_what_it_answers(conversation, channel, since=max(conversation.started_at, at - ADOPT_WITHIN))
    return Placed(conversation=conversation, reason=resolution.reason, is_new=False)


def reopen_if_idle(conversation: Conversation) -> bool:
    """Open it again if it was closed merely for idleness. The caller holds its row lock."""
    if conversation.closed_reason != Conversation.ClosedReason.IDLE:
        return False
    _reopen(conversation)
    return True


def note_activity(conversation: Conversation, *, channel: str, direction: str, at: datetime) -> None:
    """A message was written: the latest channel, whose turn it is, and a channel switch in `metadata.switches`."""
    if conversation.channel != channel:
        switch = {"from": conversation.channel, "to": channel, "at": at.isoformat()}
        conversation.metadata = {
            **conversation.metadata,
            "switches": [*conversation.metadata.get("switches", []), switch],
        }
        conversation.channel = channel
    conversation.last_activity_at = max(at, conversation.last_activity_at)
    conversation.last_message_direction = direction
    conversation.save(update_fields=["channel", "metadata", "last_activity_at", "last_message_direction", "updated_at"])


def turn_back(conversation: Conversation, *, unsaid: UUID) -> None:
    """A reply was taken back before it left: the last that was said decides whose turn it is. The caller holds the row lock."""
    said = conversation.messages.exclude(pk=unsaid).exclude(delivery_status=DeliveryStatus.FAILED)
    last = said.order_by("-sent_at", "-id").values_list("direction", flat=True).first()
    conversation.last_message_direction = last or ""
    conversation.save(update_fields=["last_message_direction", "updated_at"])


@transaction.atomic
def close_idle_conversations(*, limit: int = 500) -> int:
    """Close what had no activity for 24 hours. Returns how many."""
    at = database_now()
    idle = Conversation.objects.filter(status=Conversation.Status.ACTIVE, last_activity_at__lte=at - IDLE_AFTER)
    ids = list(idle.select_for_update(skip_locked=True, no_key=True).values_list("id", flat=True)[:limit])
    return Conversation.objects.filter(id__in=ids).update(
        status=Conversation.Status.CLOSED,
        closed_reason=Conversation.ClosedReason.IDLE,
        ended_at=at,
        updated_at=timezone.now(),
    )


def _explicit(message_ids: Sequence[str], customer: Customer) -> Conversation | None:
    """The customer's own conversation that holds the nearest of these messages, locked."""
    if not message_ids:
        return None
    found = Message.objects.filter(channel_message_id__in=list(message_ids), conversation__customer=customer)
    by_id = dict(found.values_list("channel_message_id", "conversation_id"))
    nearest = next((by_id[each] for each in message_ids if each in by_id), None)
    return Conversation.objects.locked(nearest) if nearest else None


def _candidate(conversation: Conversation | None, customer: Customer) -> Candidate | None:
    if conversation is None:
        return None
    return Candidate(
        id=conversation.id,
        status=conversation.status,
        closed_reason=conversation.closed_reason,
        last_activity_at=conversation.last_activity_at,
        customer_takes_part=conversation.customer_id == customer.id,
    )


def begin_conversation(
    customer: Customer, channel: str, at: datetime, continues_id: UUID | None = None
) -> Conversation:
    """A new one; it takes in what it answers. The caller holds the customer's row lock, and knows that none is active."""
    conversation = Conversation.objects.create(
        customer=customer,
        initial_channel=channel,
        channel=channel,
        started_at=at,
        last_activity_at=at,
        continues_id=continues_id,
    )
    _adopt_what_it_answers(conversation, channel, since=at - ADOPT_WITHIN)
    return conversation


def _adopt_what_it_answers(conversation: Conversation, channel: str, *, since: datetime) -> None:
    """A campaign or a reminder has no conversation until the customer answers; his answer takes the last one in."""
    outbound = Interaction.objects.filter(
        customer_id=conversation.customer_id,
        conversation__isnull=True,
        interaction_type=INTERACTION_TYPE_OF_CHANNEL[Channel(channel)],
        interaction_subtype=InteractionSubtype.OUTBOUND,
        interaction_ts__gt=since,
    )
    latest = outbound.order_by("-interaction_ts", "-id").values_list("id", flat=True).first()
    if latest:
        Interaction.objects.filter(pk=latest).update(conversation=conversation)


def _reopen(conversation: Conversation) -> None:
    conversation.status = Conversation.Status.ACTIVE
    conversation.closed_reason = ""
    conversation.ended_at = None
    conversation.save(update_fields=["status", "closed_reason", "ended_at", "updated_at"])


def close_conversation(conversation_id: UUID, reason: str, at: datetime) -> None:
    """active → closed; nothing where it is closed already."""
    Conversation.objects.filter(pk=conversation_id, status=Conversation.Status.ACTIVE).update(
        status=Conversation.Status.CLOSED, closed_reason=reason, ended_at=at, updated_at=timezone.now()
    )
