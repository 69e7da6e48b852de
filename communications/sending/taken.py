"""The usual outcome, for a whole slice in three statements: taken by the provider, and nobody has touched the row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from communications.providers.base import Outcome, SendResult
from communications.sending.log import record_of
from communications.sending.rows import SendingRow
from config.db import array_literal, fetch_all
from interactions.actions.facts import OutboundRecord
from interactions.actions.record import record_outbound_many

_SETTLE = """
UPDATE f_message_data AS t
SET status = 'sent', decision = 'send', decision_reason = '', decision_detail = '', decided_ts = v.decided, sent_ts = %s,
    failed_reason = '', error_code = '', provider_message_id = v.provider_id, interaction_id = v.interaction,
    segment_count = COALESCE(v.segments, t.segment_count), cost = COALESCE(v.price, t.cost),
    cost_currency = CASE WHEN v.price IS NULL THEN t.cost_currency ELSE v.currency END, updated_ts = clock_timestamp()
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::int[], %s::numeric[], %s::text[])
    AS v(id, batch, customer, decided, interaction, provider_id, segments, price, currency)
WHERE t.id = v.id AND t.batch_id = v.batch AND t.customer_id IS NOT DISTINCT FROM v.customer
    AND t.status IN ('pending', 'scheduled') AND t.sent_ts IS NULL AND t.interaction_id IS NULL
    AND t.provider_message_id = ''
RETURNING t.id
"""


def settle_taken(rows: Sequence[SendingRow], results: Mapping[UUID, SendResult], at: datetime) -> set[UUID]:
    """Settle the rows that were taken and stand as they were read; their keys. The others are left as they are.

    The caller holds the locks of the batches and the customers. A reply, which stands in a thread, is never among them.
    """
    taken = [row for row in rows if not row.message_id and results[row.pk].outcome is Outcome.ACCEPTED]
    if not taken:
        return set()
    records = {row.pk: record_of(row, sent_at=at) for row in taken if row.customer_id}
    done = {row[0] for row in fetch_all(_SETTLE, _columns(taken, results, records, at))}
    record_outbound_many([record for pk, record in records.items() if pk in done])
    return done


def _columns(
    rows: Sequence[SendingRow],
    results: Mapping[UUID, SendResult],
    records: Mapping[UUID, OutboundRecord],
    at: datetime,
) -> list[object]:
    answers = [results[row.pk] for row in rows]
    priced = [answer.price is not None and answer.segments is not None for answer in answers]
    columns: list[list[object]] = [
        [row.pk for row in rows],
        [row.batch_id for row in rows],
        [row.customer_id for row in rows],
        [row.decided_ts for row in rows],
        [records[row.pk].interaction_id if row.pk in records else None for row in rows],
        [answer.provider_message_id for answer in answers],
        [answer.segments for answer in answers],
        [answer.price if known else None for answer, known in zip(answers, priced, strict=True)],
        [answer.price_currency for answer in answers],
    ]
    return [at, *map(array_literal, columns)]
