"""What providers tell of our messages: stored once, folded, shown. And asking them, where an answer was lost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from communications import wake
from communications.choices import EventKind, MessageStatus, Reason
from communications.exceptions import UnknownMessage
from communications.models import DeliveryEvent, MessageData
from communications.providers import loop, registry
from communications.providers.base import DeliveryReceipt
from communications.sending.compose import outbound
from communications.sending.facts import channel_of
from communications.sending.fold import Evidence, Standing, State, fold
from communications.sending.log import log_sent, show_delivery
from communications.sending.requeue import requeue
from config.db import now as database_now
from config.db import update_rows
from customers.choices import Channel
from interactions.actions.record import lock_customers

_FOLDED = (
    "status",
    "sent_ts",
    "delivered_ts",
    "opened_ts",
    "clicked_ts",
    "failed_ts",
    "open_count",
    "click_count",
    "decision_reason",
    "error_code",
    "failed_reason",
    "anomaly",
    "provider_message_id",
    "possible_duplicate",
)
_NEVER_LEFT = (MessageStatus.SUPPRESSED, MessageStatus.CANCELLED)  # as we had decided
_LOST = (MessageStatus.FAILED, MessageStatus.BOUNCED)
_TAKEN = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.BOUNCED)


@transaction.atomic
def apply_events(receipts: Sequence[DeliveryReceipt]) -> int:
    """Store receipts and bring their messages up to date. Returns how many receipts were new.

    Raises UnknownMessage, nothing stored, when one names a message that is not there. Lock order: customers, messages.
    """
    wanted = {receipt.reference for receipt in receipts}
    _lock_their_customers(wanted)
    rows = {m.pk: m for m in MessageData.objects.filter(pk__in=wanted).select_for_update(no_key=True).order_by("id")}
    if missing := wanted - rows.keys():
        raise UnknownMessage(f"No message has the id {', '.join(sorted(map(str, missing)))}.")
    new = _store(receipts)
    events = _events_of(wanted)
    for row in rows.values():
        _project(row, events[row.pk])
    changed = list(rows.values())
    update_rows(changed, _FOLDED)
    log_sent([row for row in changed if row.status in _TAKEN and row.sent_ts])
    show_delivery([row for row in changed if row.status not in _TAKEN])
    return new


def look_up(messages: "QuerySet[MessageData]") -> int:
    """Ask the provider about messages in doubt. Returns how many doubts were settled.

    Taken: its events settle it. Provably unknown to the provider: it goes back to the queue, as a new attempt.
    """
    settled = 0
    for provider, rows in _by_provider(messages.filter(status=MessageStatus.UNCERTAIN)).items():
        if registry.get(provider).capabilities.lookup:
            receipts = loop.run(registry.get(provider).lookup([outbound(row) for row in rows]))
            settled += sum(_settle_by_lookup(row, [r for r in receipts if r.reference == row.pk]) for row in rows)
    return settled


def _settle_by_lookup(row: MessageData, receipts: Sequence[DeliveryReceipt]) -> bool:
    """One message, as it stood when it was asked about: the first candidate that no other message of ours is known to be."""
    if not receipts:
        return False
    with transaction.atomic():
        others = MessageData.objects.filter(recipient=row.recipient).exclude(pk=row.pk).exclude(provider_message_id="")
        taken = set(others.values_list("provider_message_id", flat=True))
        found = [r for r in receipts if r.kind is not EventKind.NOT_FOUND and r.provider_message_id not in taken]
        if found:
            apply_events(found[:1])
            return True
        return _send_again(row)


def _send_again(asked: MessageData) -> bool:
    """Nobody has it: the only way back from doubt to the queue. What was touched since it was asked about is another doubt."""
    row = MessageData.objects.select_for_update(no_key=True).get(pk=asked.pk)
    if row.status != MessageStatus.UNCERTAIN or row.updated_ts != asked.updated_ts:
        return False
    if row.retry_count >= row.max_retries:
        row.status, row.decision_reason, row.failed_ts = MessageStatus.FAILED, Reason.GAVE_UP, database_now()
    else:
        row.status, row.decision_reason = MessageStatus.PENDING, Reason.RETRY
        row.retry_count += 1
        requeue([(row, database_now())])
        wake.sender(row.purpose)
    update_rows([row], ("status", "decision_reason", "retry_count", "failed_ts"))
    show_delivery([row])
    return True


def _lock_their_customers(message_ids: set[UUID]) -> None:
    unlogged = MessageData.objects.filter(pk__in=message_ids, interaction__isnull=True, customer__isnull=False)
    lock_customers([pk for pk in unlogged.values_list("customer_id", flat=True) if pk])


def _store(receipts: Sequence[DeliveryReceipt]) -> int:
    before = DeliveryEvent.objects.filter(event_id__in=[r.event_id for r in receipts])
    known = set(before.values_list("provider", "event_id"))
    DeliveryEvent.objects.bulk_create([_event(receipt) for receipt in receipts], ignore_conflicts=True)
    return len({(r.provider, r.event_id) for r in receipts} - known)


def _event(receipt: DeliveryReceipt) -> DeliveryEvent:
    return DeliveryEvent(
        message_data_id=receipt.reference,
        provider=receipt.provider,
        event_id=receipt.event_id,
        kind=receipt.kind,
        occurred_at=receipt.occurred_at,
        received_at=receipt.received_at or timezone.now(),
        provider_message_id=receipt.provider_message_id,
        error_code=receipt.error_code[:50],
        reason=receipt.reason,
        url=receipt.url,
        user_agent=receipt.user_agent,
        ip_address=receipt.ip_address,
        webhook_delivery_id=receipt.delivery_id,
        payload=dict(receipt.payload),
    )


def _events_of(message_ids: set[UUID]) -> Mapping[UUID, list[DeliveryEvent]]:
    found: dict[UUID, list[DeliveryEvent]] = defaultdict(list)
    for event in DeliveryEvent.objects.filter(message_data__in=message_ids).order_by("received_at", "id"):
        found[event.message_data_id].append(event)
    return found


def _project(row: MessageData, events: Sequence[DeliveryEvent]) -> None:
    """The fold's state onto the row. More than one provider id that took it is what a double looks like."""
    state = fold(
        Standing(
            status=MessageStatus(row.status),
            sent_at=row.sent_ts,
            failed_at=row.failed_ts,
            error_code=row.error_code,
            reason=row.failed_reason,
            anomaly=row.anomaly,
        ),
        [
            Evidence(
                kind=EventKind(e.kind), at=e.occurred_at or e.received_at, error_code=e.error_code, reason=e.reason
            )
            for e in events
        ],
        bounce_wins=channel_of(row) == Channel.EMAIL,
    )
    _write_state(row, state)
    ids = {e.provider_message_id for e in events if e.provider_message_id} | {row.provider_message_id} - {""}
    row.provider_message_id = row.provider_message_id or next(iter(sorted(ids)), "")
    row.possible_duplicate = row.possible_duplicate or len(ids) > 1


def _write_state(row: MessageData, state: State) -> None:
    if state.status in (MessageStatus.SENT, MessageStatus.DELIVERED):
        row.failed_reason, row.error_code = "", ""
    else:
        row.failed_reason, row.error_code = state.reason, state.error_code
    if state.status != row.status and row.status not in _NEVER_LEFT:
        row.decision_reason = Reason.UNDELIVERED if state.status in _LOST else ""
    row.status = state.status
    row.sent_ts = state.sent_at
    row.delivered_ts, row.failed_ts = state.delivered_at, state.failed_at
    row.opened_ts, row.clicked_ts = state.opened_at, state.clicked_at
    row.open_count, row.click_count = state.open_count, state.click_count
    row.anomaly = state.anomaly


def _by_provider(messages: "QuerySet[MessageData]") -> Mapping[str, list[MessageData]]:
    found: dict[str, list[MessageData]] = defaultdict(list)
    for row in messages:
        found[row.provider].append(row)
    return found
