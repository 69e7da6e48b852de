"""What is known of many messages, in and out of the database: one statement each, plain rows, whatever their number."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod, EventKind, MessageStatus
from communications.providers.base import DeliveryReceipt
from communications.sending.fold import Evidence, Standing, fold
from config.db import array_literal, fetch_all
from customers.choices import Channel
from interactions.actions.record import lock_customers

_KINDS = {kind.value: kind for kind in EventKind}  # a look-up costs a tenth of what the enumeration's own call does
_STATUSES = {status.value: status for status in MessageStatus}
_LONGEST_CODE = 50
_METHODS = {method.value: method for method in DeliveryMethod}


class MessageRow(NamedTuple):
    """A message as events find it: what it is, then what they may change."""

    id: UUID
    method: str
    customer_id: UUID | None
    interaction_id: UUID | None
    message_id: UUID | None
    recipient: str
    status: str
    sent_ts: datetime | None
    delivered_ts: datetime | None
    opened_ts: datetime | None
    clicked_ts: datetime | None
    failed_ts: datetime | None
    open_count: int
    click_count: int
    error_code: str
    failed_reason: str
    anomaly: str
    decision_reason: str
    provider_message_id: str
    possible_duplicate: bool

    @property
    def channel(self) -> Channel:
        return CHANNEL_OF_METHOD[_METHODS[self.method]]


class Known(NamedTuple):
    """All the events of one message: what they prove, and under which of the provider's ids."""

    evidence: list[Evidence]
    provider_ids: set[str]

    def add(self, evidence: Evidence, provider_id: str) -> None:
        self.evidence.append(evidence)
        if provider_id:
            self.provider_ids.add(provider_id)


_READ = """
SELECT id, message_delivery_method, customer_id, interaction_id, message_id, recipient, status, sent_ts, delivered_ts,
    opened_ts, clicked_ts, failed_ts, open_count, click_count, error_code, failed_reason, anomaly, decision_reason,
    provider_message_id, possible_duplicate
FROM f_message_data WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_STORE = """
INSERT INTO delivery_events (id, message_data_id, provider, event_id, kind, occurred_at, received_at, provider_message_id,
    error_code, reason, url, user_agent, ip_address, webhook_delivery_id, payload)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::inet[], %s::uuid[], %s::jsonb[])
ON CONFLICT DO NOTHING RETURNING provider, event_id
"""
# A moment as text is read thirty times as fast as by Django's own reader.
_EVENTS = """
SELECT message_data_id, kind, COALESCE(occurred_at, received_at)::text, error_code, reason, provider_message_id
FROM delivery_events WHERE message_data_id = ANY(%s)
"""
_WRITE = """
UPDATE f_message_data AS t
SET status = v.status, sent_ts = v.sent, delivered_ts = v.delivered, opened_ts = v.opened, clicked_ts = v.clicked,
    failed_ts = v.failed, open_count = v.opens, click_count = v.clicks, error_code = v.code, failed_reason = v.why,
    anomaly = v.anomaly, decision_reason = v.decision, provider_message_id = v.provider_id,
    possible_duplicate = v.doubled, updated_ts = clock_timestamp()
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
    %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[])
    AS v(id, status, sent, delivered, opened, clicked, failed, opens, clicks, code, why, anomaly, decision, provider_id,
    doubled)
WHERE t.id = v.id
"""


def lock_rows(message_ids: Collection[UUID]) -> dict[UUID, MessageRow]:
    """The messages that are there, locked; before them, where one is not in the record yet, its customer."""
    wanted = sorted(message_ids)
    unlogged = fetch_all(
        "SELECT customer_id FROM f_message_data WHERE id = ANY(%s) AND interaction_id IS NULL AND customer_id IS NOT NULL",
        [wanted],
    )
    lock_customers([row[0] for row in unlogged])
    return {row[0]: MessageRow._make(row) for row in fetch_all(_READ, [wanted])}


def store(receipts: Sequence[DeliveryReceipt]) -> list[DeliveryReceipt]:
    """Write events down; those that were new, as they are stored.

    Always in the same order, so that two who store the same wait in line.
    """
    if not receipts:
        return []
    at = timezone.now()
    by_key = {(r.provider, r.event_id): r if r.received_at else replace(r, received_at=at) for r in reversed(receipts)}
    ordered = [by_key[key] for key in sorted(by_key)]
    columns: list[list[object]] = [
        [uuid7() for _ in ordered],
        [r.reference for r in ordered],
        [r.provider for r in ordered],
        [r.event_id for r in ordered],
        [str(r.kind) for r in ordered],
        [r.occurred_at for r in ordered],
        [r.received_at for r in ordered],
        [r.provider_message_id for r in ordered],
        [r.error_code[:_LONGEST_CODE] for r in ordered],
        [r.reason for r in ordered],
        [r.url for r in ordered],
        [r.user_agent for r in ordered],
        [r.ip_address for r in ordered],
        [r.delivery_id for r in ordered],
        [json.dumps(dict(r.payload)) for r in ordered],
    ]
    new = fetch_all(_STORE, map(array_literal, columns))
    return [by_key[provider, event_id] for provider, event_id in new]


def known_of(message_ids: Collection[UUID]) -> Mapping[UUID, Known]:
    """The events of each message so far. Whoever writes one holds the message's lock, so under it these are all."""
    found: dict[UUID, Known] = defaultdict(lambda: Known([], set()))
    for message_id, kind, at, error_code, reason, provider_id in fetch_all(_EVENTS, [list(message_ids)]):
        moment = datetime.fromisoformat(at)
        evidence = Evidence(kind=_KINDS[kind], at=moment, error_code=error_code, reason=reason)
        found[message_id].add(evidence, provider_id)
    return found


def add_new(known: Mapping[UUID, Known], receipts: Sequence[DeliveryReceipt]) -> None:
    for r in receipts:
        at = r.occurred_at or r.received_at or timezone.now()
        evidence = Evidence(kind=r.kind, at=at, error_code=r.error_code[:_LONGEST_CODE], reason=r.reason)
        known[r.reference].add(evidence, r.provider_message_id)


def project(row: MessageRow, known: Known) -> MessageRow:
    """The row as its events have it. More than one provider id that took it is what a double looks like."""
    state = fold(_standing(row), known.evidence, bounce_wins=row.channel is Channel.EMAIL)
    ids = known.provider_ids | ({row.provider_message_id} - {""})
    return row._replace(
        status=state.status.value,
        sent_ts=state.sent_at,
        delivered_ts=state.delivered_at,
        opened_ts=state.opened_at,
        clicked_ts=state.clicked_at,
        failed_ts=state.failed_at,
        open_count=state.open_count,
        click_count=state.click_count,
        error_code=state.error_code,
        failed_reason=state.reason,
        anomaly=state.anomaly,
        decision_reason=str(state.decision_reason),
        provider_message_id=row.provider_message_id or min(ids, default=""),
        possible_duplicate=row.possible_duplicate or len(ids) > 1,
    )


def write(rows: Sequence[MessageRow]) -> None:
    if rows:
        columns = list(zip(*rows, strict=True))
        fetch_all(_WRITE, map(array_literal, (columns[0], *columns[6:])))


def _standing(row: MessageRow) -> Standing:
    return Standing(
        status=_STATUSES[row.status],
        sent_at=row.sent_ts,
        failed_at=row.failed_ts,
        error_code=row.error_code,
        reason=row.failed_reason,
        anomaly=row.anomaly,
        decision_reason=row.decision_reason,
    )
