"""What providers tell of our messages: stored once, folded, shown. And asking them, where an answer was lost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from communications import wake
from communications.actions.consequences import draw_consequences
from communications.choices import EventKind, MessageStatus, Reason
from communications.exceptions import UnknownMessage
from communications.models import MessageData
from communications.providers import loop, registry
from communications.providers.base import DeliveryReceipt
from communications.sending import evidence
from communications.sending.compose import outbound
from communications.sending.evidence import MessageRow
from communications.sending.log import log_sent, show_delivery
from communications.sending.requeue import requeue
from communications.sending.rows import read_rows
from config.db import now as database_now
from config.db import update_rows

_TAKEN = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.FAILED, MessageStatus.BOUNCED)


@dataclass(frozen=True, kw_only=True)
class Folded:
    """How many receipts were new, and the ids they name that no message has (yet)."""

    new: int
    unknown: frozenset[UUID]


@transaction.atomic
def apply_events(receipts: Sequence[DeliveryReceipt]) -> int:
    """Store receipts and bring their messages up to date. Returns how many receipts were new.

    Raises UnknownMessage, nothing stored, when one names a message that is not there.
    """
    folded = fold_events(receipts)
    for receipt in receipts:
        if receipt.reference in folded.unknown:
            raise unknown_message(receipt)
    return folded.new


@transaction.atomic(savepoint=False)
def fold_events(receipts: Sequence[DeliveryReceipt]) -> Folded:
    """The same for many at once, in a fixed number of statements; receipts of messages that are not there are left out.

    Repeats change nothing, and neither does the order: a row is the fold of all its events. Lock order: customers,
    messages.
    """
    rows = evidence.lock_rows({receipt.reference for receipt in receipts})
    unknown = frozenset(receipt.reference for receipt in receipts) - rows.keys()
    known = evidence.known_of(rows)
    new = evidence.store([receipt for receipt in receipts if receipt.reference in rows])
    evidence.add_new(known, new)
    folded = [evidence.project(row, known[row.id]) for row in rows.values()]
    changed = [row for row in folded if row != rows[row.id]]
    evidence.write(changed)
    _show([row for row in changed if row.message_id], [row for row in folded if _is_to_be_logged(row)])
    draw_consequences(new, rows)
    return Folded(new=len(new), unknown=unknown)


def unknown_message(receipt: DeliveryReceipt) -> UnknownMessage:
    return UnknownMessage(f"No message has the id {receipt.reference}.")


def _is_to_be_logged(row: MessageRow) -> bool:
    return bool(row.customer_id and not row.interaction_id and row.sent_ts and row.status in _TAKEN)


def _show(replies: Sequence[MessageRow], unlogged: Sequence[MessageRow]) -> None:
    """Bring the record up to date, for the few rows that it concerns."""
    wanted = {row.id for row in (*replies, *unlogged)}
    if not wanted:
        return
    messages = read_rows("id = ANY(%s)", [list(wanted)])
    log_sent([message for message in messages if message.status in _TAKEN and message.sent_ts])
    show_delivery([message for message in messages if message.status not in _TAKEN])


def look_up(messages: "QuerySet[MessageData]") -> int:
    """Ask the provider about messages in doubt. Returns how many doubts were settled.

    Taken: its events settle it. Provably unknown to the provider: it goes back to the queue, as a new attempt.
    """
    settled = 0
    for provider, rows in _by_provider(messages.filter(status=MessageStatus.UNCERTAIN)).items():
        if registry.get(provider).capabilities.lookup:
            receipts = loop.run(registry.get(provider).lookup([outbound(row) for row in rows]))
            patience = timedelta(seconds=registry.get(provider).capabilities.absent_after)
            settled += sum(_settle_by_lookup(row, _of(row, receipts, patience)) for row in rows)
    return settled


def _of(row: MessageData, receipts: Sequence[DeliveryReceipt], patience: timedelta) -> list[DeliveryReceipt]:
    """What counts of them: a list that is behind its provider proves no absence while the doubt is young."""
    is_young = (row.decided_ts or row.created_ts) + patience > database_now()
    own = (receipt for receipt in receipts if receipt.reference == row.pk)
    return [receipt for receipt in own if not (is_young and receipt.kind is EventKind.NOT_FOUND)]


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


def _by_provider(messages: "QuerySet[MessageData]") -> Mapping[str, list[MessageData]]:
    found: dict[str, list[MessageData]] = defaultdict(list)
    for row in messages:
        found[row.provider].append(row)
    return found
