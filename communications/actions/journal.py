"""The inbound journal: what `communications.intake` stored raw is worked off. What cannot be is quarantined, and can be replayed."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import Error, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from communications import wake
from communications.actions.events import fold_events, unknown_message
from communications.actions.inbound import receive
from communications.exceptions import UnreadableDelivery
from communications.failpoints import failpoint
from communications.models import WebhookDelivery
from communications.providers import registry
from communications.providers.base import DeliveryReceipt, StoredRequest
from config.db import fetch_all, is_connection_error
from config.db import now as database_now
from customers.identity.normalise import InvalidAddress
from interactions.models import ProcessedMessage

log = structlog.get_logger(__name__)

INBOUND_ENDPOINTS = frozenset({"sms"})
_AT_ONCE = 100
_BYTES_AT_ONCE = 1_000_000  # some two thousand events
_PAUSES = (5, 15, 60, 300, 1_800)  # seconds; an event may be here before the row it speaks of
_HOPELESS = (UnreadableDelivery, InvalidAddress)
_HELD_SECONDS = 30


class _Told(NamedTuple):
    delivery: WebhookDelivery
    receipt: DeliveryReceipt


class _Fault(NamedTuple):
    told: _Told
    error: Exception


def process_due(*, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Work off the journal. Receipts are folded many at a time; what makes trouble is found and put off, the rest counts."""
    processed = 0
    while not should_stop():
        taken = _take()
        if not taken:
            break
        _process_receipts([d for d in taken if d.endpoint not in INBOUND_ENDPOINTS])
        for delivery in taken:
            if delivery.endpoint in INBOUND_ENDPOINTS:
                _process_message(delivery)
        processed += len(taken)
    return processed


def replay(deliveries: "QuerySet[WebhookDelivery]") -> int:
    """Put deliveries back to the start, whatever became of them: repeats change nothing that is recorded already."""
    ids = list(deliveries.values_list("pk", flat=True))
    with transaction.atomic():
        ProcessedMessage.objects.filter(message_id__in=ids).delete()
        count = WebhookDelivery.objects.filter(pk__in=ids).update(
            state=WebhookDelivery.State.RECEIVED, reason="", attempts=0, due_at=timezone.now(), processed_at=None
        )
        wake.journal()
    return count


def _take() -> list[WebhookDelivery]:
    """Due deliveries for this worker, as many as fit one transaction.

    Their due time is moved ahead, so that a worker's death gives them back.
    """
    with transaction.atomic():
        at = database_now()
        due = WebhookDelivery.objects.due(at).select_for_update(skip_locked=True)
        sizes = list(due.annotate(size=Length("body")).values_list("pk", "size")[:_AT_ONCE])
        before = accumulate((size for _, size in sizes), initial=0)
        ids = [pk for (pk, _), bytes_before in zip(sizes, before, strict=False) if bytes_before <= _BYTES_AT_ONCE]
        WebhookDelivery.objects.filter(pk__in=ids).update(due_at=at + timedelta(seconds=_HELD_SECONDS))
    return list(WebhookDelivery.objects.filter(pk__in=ids).order_by("received_at", "id"))


def _process_receipts(deliveries: Sequence[WebhookDelivery]) -> None:
    """All receipts in one transaction. What cannot be read or applied costs its own delivery, not the others."""
    read = _read(deliveries)
    if not read:
        return None
    try:
        with transaction.atomic():
            mine = {delivery.pk for delivery in _begin([delivery for delivery, _ in read])}
            told = [_Told(delivery, each) for delivery, receipts in read if delivery.pk in mine for each in receipts]
            faults = _apply(told)
            failpoint("after_fold")
            _done({delivery.pk for delivery, _ in read} - {fault.told.delivery.pk for fault in faults})
            _leave_over(faults)
    except Exception as error:  # only what a commit reveals
        if isinstance(error, Error) and is_connection_error(error):
            raise
        if len(deliveries) == 1:
            return _put_off(deliveries[0], error)
        for delivery in deliveries:
            _process_receipts([delivery])


def _read(deliveries: Sequence[WebhookDelivery]) -> list[tuple[WebhookDelivery, list[DeliveryReceipt]]]:
    found = []
    for delivery in deliveries:
        try:
            found.append((delivery, list(registry.get(delivery.provider).parse_events(_stored(delivery)))))
        except Exception as error:  # whatever it is, this delivery must not stop the others
            _put_off(delivery, error)
    return found


def _apply(told: Sequence[_Told]) -> list[_Fault]:
    """Fold them, and say which could not be: half by half, down to the one that makes trouble."""
    try:
        with transaction.atomic():
            unknown = fold_events([each.receipt for each in told]).unknown
    except Exception as error:  # whatever it is, the others must not suffer by it
        if isinstance(error, Error) and is_connection_error(error):
            raise
        if len(told) == 1:
            return [_Fault(told[0], error)]
        half = len(told) // 2
        return _apply(told[:half]) + _apply(told[half:])
    return [_Fault(each, unknown_message(each.receipt)) for each in told if each.receipt.reference in unknown]


def _leave_over(faults: Sequence[_Fault]) -> None:
    """Put off each delivery of which something is left, as if nobody had begun it: told again, its other events change nothing."""
    left: dict[UUID, list[_Fault]] = defaultdict(list)
    for fault in faults:
        left[fault.told.delivery.pk].append(fault)
    if left:
        ProcessedMessage.objects.filter(message_id__in=list(left)).delete()
    for of_one in left.values():
        _put_off(of_one[0].told.delivery, *(fault.error for fault in of_one))


def _process_message(delivery: WebhookDelivery) -> None:
    try:
        with transaction.atomic():
            if _begin([delivery]):
                for inbound in registry.get(delivery.provider).parse_inbound(_stored(delivery)):
                    receive(inbound)
            _done([delivery.pk])
    except Exception as error:  # whatever it is, this delivery must not stop the others
        if isinstance(error, Error) and is_connection_error(error):
            raise
        _put_off(delivery, error)


def _begin(deliveries: Sequence[WebhookDelivery]) -> list[WebhookDelivery]:
    """Those nobody has processed: the key of `processed_messages` decides between two workers, and waits for the first."""
    rows = fetch_all(
        """
        INSERT INTO processed_messages (message_id, processed_at)
        SELECT x, clock_timestamp() FROM unnest(%s::uuid[]) AS x ON CONFLICT DO NOTHING RETURNING message_id
        """,
        [sorted(delivery.pk for delivery in deliveries)],
    )
    mine = {row[0] for row in rows}
    return [delivery for delivery in deliveries if delivery.pk in mine]


def _done(ids: Collection[UUID]) -> None:
    WebhookDelivery.objects.filter(pk__in=ids).update(
        state=WebhookDelivery.State.DONE, processed_at=timezone.now(), reason=""
    )


def _put_off(delivery: WebhookDelivery, *errors: Exception) -> None:
    """Later again, or quarantined when a repeat cannot help or did not."""
    hopeless = all(isinstance(error, _HOPELESS) for error in errors) or delivery.attempts >= len(_PAUSES)
    names = sorted({type(error).__name__ for error in errors})
    log.warning("webhook_not_processed", delivery_id=str(delivery.pk), error=", ".join(names), quarantined=hopeless)
    row = WebhookDelivery.objects.filter(pk=delivery.pk, state=WebhookDelivery.State.RECEIVED)
    reason, attempts = _reason(errors), delivery.attempts + 1
    if hopeless:
        row.update(state=WebhookDelivery.State.QUARANTINED, reason=reason, attempts=attempts)
    else:
        due_at = database_now() + timedelta(seconds=_PAUSES[delivery.attempts])
        row.update(reason=reason, attempts=attempts, due_at=due_at)


def _reason(errors: Sequence[Exception]) -> str:
    lines = [f"{type(error).__name__}: {error}" for error in errors]
    if len(lines) > 1:
        lines.insert(0, f"{len(errors)} of its events could not be applied.")
    return "\n".join(lines)[:2_000].replace("\x00", "").encode(errors="replace").decode()


def _stored(delivery: WebhookDelivery) -> StoredRequest:
    return StoredRequest(
        id=delivery.pk,
        provider=delivery.provider,
        endpoint=delivery.endpoint,
        url=delivery.url,
        query_string=delivery.query_string,
        headers=delivery.headers,
        content_type=delivery.content_type,
        body=bytes(delivery.body),
        received_at=delivery.received_at,
        remote_address=delivery.remote_address,
    )
