"""Writing down what the calls did: fenced by the attempt, once, with the interactions, in one short transaction.

Nearly all answers say "taken" of a row that nobody has touched meanwhile: those are settled by one statement whose
conditions say so. The others are read again under their locks and looked at one by one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import uniform
from uuid import UUID

from django.db import transaction

from communications.choices import EventKind, MessageStatus, Reason
from communications.failpoints import failpoint
from communications.models import DeliveryEvent, MessageData
from communications.providers.base import Outcome, SendResult
from communications.sending.claim import lock_batches
from communications.sending.log import log_sent, show_delivery
from communications.sending.requeue import requeue
from communications.sending.rows import SendingRow, write_rows
from communications.sending.slices import Slice
from communications.sending.taken import settle_taken
from config.db import now as database_now
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus
from customers.models import Customer
from interactions.actions.record import lock_customers

_SETTLED = (
    "status",
    "decision",
    "decision_detail",
    "decided_ts",
    "sent_ts",
    "failed_ts",
    "failed_reason",
    "error_code",
    "decision_reason",
    "provider_message_id",
    "retry_count",
    "segment_count",
    "cost",
    "cost_currency",
    "possible_duplicate",
    "scheduled_ts",
)
_TAKEN = (MessageStatus.SENT, MessageStatus.DELIVERED)
_MAY_HAVE_CHANGED = (
    "status",
    "sent_ts",
    "failed_ts",
    "failed_reason",
    "error_code",
    "decision_reason",
    "provider_message_id",
    "possible_duplicate",
    "retry_count",
    "delivered_ts",
    "opened_ts",
    "batch_id",
    "customer_id",
    "conversation_id",
    "message_id",
    "interaction_id",
)
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 900.0


@transaction.atomic
def settle(sent: Slice, results: Sequence[SendResult]) -> None:
    """Store every answer. What came back to a claim that was taken over meanwhile is kept as evidence only.

    Lock order: batches, customers, messages.
    """
    if not sent.rows:
        return
    ours = lock_batches(sent.claims)
    lock_customers([row.customer_id for row in sent.rows if row.customer_id])
    by_id = {result.reference: result for result in results}
    at = database_now()
    done = settle_taken([row for row in sent.rows if row.batch_id in ours], by_id, at)
    rest = [row for row in sent.rows if row.pk not in done]
    if rest:
        _settle_by_one(_locked(rest), by_id, ours, at)
    failpoint("before_settle")


def _settle_by_one(rows: Sequence[SendingRow], by_id: Mapping[UUID, SendResult], ours: set[UUID], at: datetime) -> None:
    fenced_out = [row for row in rows if row.batch_id not in ours]
    mine = [row for row in rows if row.batch_id in ours]
    _keep_as_evidence(fenced_out, by_id, at)
    later = [(row, until) for row in mine if (until := _apply(row, by_id[row.pk], at))]
    write_rows(mine, _SETTLED)
    requeue(later)
    log_sent([row for row in mine if row.status in _TAKEN])
    show_delivery([row for row in mine if row.status not in _TAKEN])
    _believe_opt_outs(mine, by_id, at)


def _locked(rows: Sequence[SendingRow]) -> list[SendingRow]:
    """The rows, locked, with what may have changed while the calls were under way: a callback, or another sender."""
    found = MessageData.objects.filter(pk__in=[row.pk for row in rows]).select_for_update(no_key=True).order_by("id")
    fresh = {values[0]: values[1:] for values in found.values_list("id", *_MAY_HAVE_CHANGED)}
    present = [row for row in rows if row.pk in fresh]  # a person's messages may have been erased meanwhile
    for row in present:
        for name, value in zip(_MAY_HAVE_CHANGED, fresh[row.pk], strict=True):
            setattr(row, name, value)
    return present


def pause_before_retry(retry_count: int, retry_after: float | None) -> timedelta:
    """Full jitter over a doubling span; never sooner than the provider asked for."""
    span = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**retry_count)
    return timedelta(seconds=max(uniform(span / 4, span), retry_after or 0.0))


def _apply(row: SendingRow, result: SendResult, at: datetime) -> datetime | None:
    """Change the row as its result says; the moment to try again, where that is what it says."""
    match result.outcome:
        case Outcome.ACCEPTED:
            _accept(row, result, at)
        case Outcome.UNCERTAIN:
            _doubt(row, result)
        case Outcome.REJECTED:
            _fail(row, Reason.REJECTED, result, at)
        case Outcome.RETRY | Outcome.DOWN:
            return _again(row, result, at)
    return None


def _accept(row: SendingRow, result: SendResult, at: datetime) -> None:
    """A callback may have been faster than the answer: then the row stands higher already."""
    if row.status in (MessageStatus.PENDING, MessageStatus.SCHEDULED, MessageStatus.UNCERTAIN):
        row.status = MessageStatus.SENT
    row.sent_ts = row.sent_ts or at
    row.possible_duplicate = row.possible_duplicate or _is_another(row, result)
    row.provider_message_id = result.provider_message_id
    if row.status in _TAKEN:  # what an earlier attempt was told is over
        row.error_code = row.failed_reason = ""
    if result.price is not None and result.segments:
        row.cost, row.cost_currency = result.price, result.price_currency
    row.segment_count = result.segments or row.segment_count


def _doubt(row: SendingRow, result: SendResult) -> None:
    if row.status in (MessageStatus.PENDING, MessageStatus.SCHEDULED):
        row.status = MessageStatus.UNCERTAIN
        row.decision_reason = Reason.BAD_ANSWER if result.error_code == "bad_answer" else Reason.NO_ANSWER
        row.failed_reason, row.error_code = result.detail, result.error_code


def _fail(row: SendingRow, reason: Reason, result: SendResult, at: datetime) -> None:
    if row.status in (MessageStatus.PENDING, MessageStatus.SCHEDULED):
        row.status, row.decision_reason = MessageStatus.FAILED, reason
        row.failed_ts, row.failed_reason, row.error_code = at, result.detail, result.error_code


def _again(row: SendingRow, result: SendResult, at: datetime) -> datetime | None:
    if row.status not in (MessageStatus.PENDING, MessageStatus.SCHEDULED):
        return None
    if result.outcome is Outcome.DOWN:  # burns no attempt: it is not this message's fault
        row.decision_reason, row.error_code, row.failed_reason = Reason.PROVIDER_DOWN, result.error_code, result.detail
        return at + pause_before_retry(4, result.retry_after)
    if row.retry_count >= row.max_retries:
        _fail(row, Reason.GAVE_UP, result, at)
        return None
    row.retry_count += 1
    row.status, row.decision_reason = MessageStatus.PENDING, Reason.RETRY
    row.error_code, row.failed_reason = result.error_code, result.detail
    return at + pause_before_retry(row.retry_count, result.retry_after)


def _keep_as_evidence(rows: Sequence[SendingRow], results: Mapping[UUID, SendResult], at: datetime) -> None:
    """A paused sender came back late. An acceptance cannot be taken back: it is an event, and the row may be a double.

    A call without an answer leaves a doubt, also where nobody has noted one (the batch was paused meanwhile).
    """
    doubtful = [row for row in rows if results[row.pk].outcome is Outcome.UNCERTAIN]
    for row in doubtful:
        _doubt(row, results[row.pk])
    accepted = [row for row in rows if results[row.pk].outcome is Outcome.ACCEPTED]
    events = [
        DeliveryEvent(
            message_data_id=row.pk,
            provider=row.provider,
            event_id=f"late:{row.pk}:{results[row.pk].provider_message_id}"[:128],
            kind=EventKind.ACCEPTED,
            occurred_at=at,
            provider_message_id=results[row.pk].provider_message_id,
            reason="Accepted by a sender whose lease had run out.",
        )
        for row in accepted
    ]
    DeliveryEvent.objects.bulk_create(events, ignore_conflicts=True)
    for row in accepted:
        if row.status in (MessageStatus.UNCERTAIN, MessageStatus.PENDING, MessageStatus.SCHEDULED):
            row.status = MessageStatus.SENT
        row.possible_duplicate = row.possible_duplicate or _is_another(row, results[row.pk])
        row.provider_message_id = row.provider_message_id or results[row.pk].provider_message_id
        row.sent_ts = row.sent_ts or at
    write_rows([*accepted, *doubtful], _SETTLED)
    log_sent(accepted)


def _is_another(row: SendingRow, result: SendResult) -> bool:
    """Whether the provider has taken this message before, under another id."""
    return row.provider_message_id not in ("", result.provider_message_id)


def _believe_opt_outs(rows: Sequence[SendingRow], results: Mapping[UUID, SendResult], at: datetime) -> None:
    """The provider knows of an opt-out that we do not: it is written down as its word."""
    for row in rows:
        result = results[row.pk]
        if result.opted_out:
            record_consent(
                ConsentStatement(
                    customer=Customer.objects.get(pk=row.customer_id) if row.customer_id else None,
                    channel="whatsapp" if row.message_delivery_method == "WHATSAPP" else "sms",
                    address=row.recipient,
                    status=ConsentStatus.OPT_OUT,
                    purpose=ConsentPurpose.ALL,
                    source=ConsentSource.CARRIER,
                    wording=result.detail,
                    reference=f"refused:{row.pk}",
                    occurred_at=at,
                )
            )
