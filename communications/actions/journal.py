"""The inbound journal: stored raw, then processed; a delivery that cannot be processed is quarantined, and can be replayed."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import Error, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications import wake
from communications.actions.events import apply_events
from communications.actions.inbound import receive
from communications.exceptions import UnreadableDelivery
from communications.failpoints import failpoint
from communications.models import WebhookDelivery
from communications.providers import registry
from communications.providers.base import StoredRequest
from config.db import fetch_all, is_connection_error
from config.db import now as database_now
from customers.identity.normalise import InvalidAddress
from interactions.models import ProcessedMessage

log = structlog.get_logger(__name__)

INBOUND_ENDPOINTS = frozenset({"sms"})
_AT_ONCE = 100
_PAUSES = (5, 15, 60, 300, 1_800)  # seconds; an event may be here before the row it speaks of
_HOPELESS = (UnreadableDelivery, InvalidAddress)
_HELD_SECONDS = 30


def store(
    *,
    provider: str,
    endpoint: str,
    url: str,
    query_string: str,
    headers: Mapping[str, str],
    content_type: str,
    body: bytes,
    remote_address: str,
) -> None:
    """Write a verified webhook down, raw, by one statement, and wake the journal's workers."""
    fetch_all(
        """
        INSERT INTO webhook_deliveries (id, provider, endpoint, url, query_string, headers, content_type, body,
            remote_address, state, reason, attempts, due_at, received_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 0, clock_timestamp(), clock_timestamp())
        """,
        [
            uuid7(),
            provider,
            endpoint,
            url,
            query_string,
            json.dumps(headers),
            content_type[:255],
            body,
            remote_address or None,
            WebhookDelivery.State.RECEIVED,
        ],
    )
    failpoint("after_journal")
    wake.journal()


def process_due(*, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Work off the journal. Receipts are folded many at a time; what fails together is tried one by one."""
    processed = 0
    while not should_stop():
        taken = _take()
        if not taken:
            break
        receipts = [d for d in taken if d.endpoint not in INBOUND_ENDPOINTS]
        alone = [d for d in taken if d.endpoint in INBOUND_ENDPOINTS]
        if not _process_together(receipts):
            alone += receipts
        for delivery in alone:
            _process_one(delivery)
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
    """Due deliveries for this worker: their due time is moved ahead, so that a worker's death gives them back."""
    with transaction.atomic():
        at = database_now()
        taken = list(WebhookDelivery.objects.due(at).select_for_update(skip_locked=True)[:_AT_ONCE])
        WebhookDelivery.objects.filter(pk__in=[d.pk for d in taken]).update(
            due_at=at + timedelta(seconds=_HELD_SECONDS)
        )
    return taken


def _process_together(deliveries: Sequence[WebhookDelivery]) -> bool:
    """All receipts in one transaction; False, nothing written, when any of them makes trouble."""
    if not deliveries:
        return True
    try:
        with transaction.atomic():
            fresh = _begin(deliveries)
            apply_events([receipt for d in fresh for receipt in registry.get(d.provider).parse_events(_stored(d))])
            failpoint("after_fold")
            _done([d.pk for d in deliveries])
    except Exception as error:  # each is looked at by itself now, and judged there
        if isinstance(error, Error) and is_connection_error(error):
            raise
        return False
    return True


def _process_one(delivery: WebhookDelivery) -> None:
    try:
        with transaction.atomic():
            if _begin([delivery]):
                _handle(delivery)
            _done([delivery.pk])
    except Exception as error:  # whatever it is, this delivery must not stop the others
        if isinstance(error, Error) and is_connection_error(error):
            raise
        _put_off(delivery, error)


def _handle(delivery: WebhookDelivery) -> None:
    provider, stored = registry.get(delivery.provider), _stored(delivery)
    if delivery.endpoint in INBOUND_ENDPOINTS:
        for inbound in provider.parse_inbound(stored):
            receive(inbound)
    else:
        apply_events(list(provider.parse_events(stored)))


def _begin(deliveries: Sequence[WebhookDelivery]) -> list[WebhookDelivery]:
    """Those nobody has processed: the key of `processed_messages` decides between two workers, and waits for the first."""
    marks = [ProcessedMessage(message_id=d.pk) for d in sorted(deliveries, key=lambda d: d.pk)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO processed_messages (message_id, processed_at)
            SELECT x, clock_timestamp() FROM unnest(%s::uuid[]) AS x ON CONFLICT DO NOTHING RETURNING message_id
            """,
            [[mark.message_id for mark in marks]],
        )
        mine = {row[0] for row in cursor.fetchall()}
    return [d for d in deliveries if d.pk in mine]


def _done(ids: Sequence[UUID]) -> None:
    WebhookDelivery.objects.filter(pk__in=ids).update(
        state=WebhookDelivery.State.DONE, processed_at=timezone.now(), reason=""
    )


def _put_off(delivery: WebhookDelivery, error: Exception) -> None:
    """Later again, or quarantined when a repeat cannot help or did not."""
    hopeless = isinstance(error, _HOPELESS) or delivery.attempts >= len(_PAUSES)
    reason = f"{type(error).__name__}: {error}"[:2_000].replace("\x00", "")
    log.warning("webhook_not_processed", delivery_id=str(delivery.pk), error=type(error).__name__, quarantined=hopeless)
    row = WebhookDelivery.objects.filter(pk=delivery.pk, state=WebhookDelivery.State.RECEIVED)
    if hopeless:
        row.update(state=WebhookDelivery.State.QUARANTINED, reason=reason, attempts=delivery.attempts + 1)
    else:
        due_at = database_now() + timedelta(seconds=_PAUSES[delivery.attempts])
        row.update(reason=reason, attempts=delivery.attempts + 1, due_at=due_at)


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
    )
