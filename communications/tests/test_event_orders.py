"""Whatever order events come in, however often and in what company: the row in the database is the pure fold of them all."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus
from communications.models import DeliveryEvent, MessageData
from communications.providers.base import DeliveryReceipt
from communications.sending.fold import Evidence, Standing, State, fold
from communications.tests.engine_fixtures import waiting

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)
K = EventKind
HISTORIES: list[tuple[str, str, dict[str, Any], Sequence[EventKind]]] = [
    ("a mail read and regretted", "EMAIL", {}, (K.QUEUED, K.DELIVERED, K.OPENED, K.CLICKED, K.OPENED, K.COMPLAINED)),
    (
        "a mail that bounced late",
        "EMAIL",
        {"status": "sent"},
        (K.DEFERRED, K.DELIVERED, K.OPENED, K.BOUNCED, K.FAILED, K.SENT),
    ),
    (
        "an SMS of two minds",
        "SMS",
        {"status": "uncertain"},
        (K.SENT, K.UNDELIVERED, K.DELIVERED, K.READ, K.FAILED, K.QUEUED),
    ),
    (
        "a mail that we had held back",
        "EMAIL",
        {"status": "suppressed", "decision_reason": "opted_out"},
        (K.SENT, K.UNDELIVERED, K.DELIVERED, K.BOUNCED, K.READ, K.NOT_FOUND),
    ),
    (
        "an SMS that had failed",
        "SMS",
        {"status": "failed", "decision_reason": "rejected", "error_code": "21211", "failed_ts": NOON},
        (K.FAILED, K.SENT, K.BOUNCED, K.OPENED, K.UNDELIVERED, K.DELIVERED),
    ),
]
STANDINGS: list[dict[str, Any]] = [values for _, _, values, _ in HISTORIES]


def receipts_of(row: MessageData, kinds: Sequence[EventKind]) -> list[DeliveryReceipt]:
    """One event a kind, in seconds that repeat, each refusal with words of its own."""
    return [
        DeliveryReceipt(
            reference=row.pk,
            provider="test",
            event_id=f"{row.pk}:{number}",
            kind=kind,
            occurred_at=NOON + timedelta(seconds=(number * 7) % 5),
            provider_message_id="P1",
            error_code=f"{number}" if kind in (K.BOUNCED, K.FAILED, K.UNDELIVERED) else "",
            reason=f"Reason {number}",
        )
        for number, kind in enumerate(kinds)
    ]


def expected(row: MessageData, receipts: Sequence[DeliveryReceipt]) -> State:
    """The pure fold of all of them at once, onto the row as it was before any."""
    standing = Standing(
        status=MessageStatus(row.status),
        sent_at=row.sent_ts,
        failed_at=row.failed_ts,
        error_code=row.error_code,
        reason=row.failed_reason,
        anomaly=row.anomaly,
        decision_reason=row.decision_reason,
    )
    events = {receipt.event_id: receipt for receipt in receipts}.values()
    evidence = [
        Evidence(kind=e.kind, at=e.occurred_at or NOON, error_code=e.error_code, reason=e.reason) for e in events
    ]
    return fold(standing, evidence, bounce_wins=row.message_delivery_method == "EMAIL")


def states() -> dict[Any, State]:
    """What the rows say now."""
    return {
        row.pk: State(
            status=MessageStatus(row.status),
            sent_at=row.sent_ts,
            delivered_at=row.delivered_ts,
            opened_at=row.opened_ts,
            clicked_at=row.clicked_ts,
            failed_at=row.failed_ts,
            open_count=row.open_count,
            click_count=row.click_count,
            error_code=row.error_code,
            reason=row.failed_reason,
            anomaly=row.anomaly,
            decision_reason=row.decision_reason,
        )
        for row in MessageData.objects.all()
    }


def standing_rows(number: int, values: dict[str, Any], *, method: str) -> list[MessageData]:
    sent = {"sent_ts": NOON + timedelta(seconds=2, microseconds=7)} if values.get("status") == "sent" else {}
    return waiting(number, message_delivery_method=method, **values, **sent)


@pytest.mark.parametrize(
    ("method", "values", "kinds"), [each[1:] for each in HISTORIES], ids=[each[0] for each in HISTORIES]
)
def test_every_order_of_six_events_ends_in_the_pure_fold(
    method: str, values: dict[str, Any], kinds: Sequence[EventKind]
) -> None:
    orders = list(permutations(range(len(kinds))))
    rows = standing_rows(len(orders), values, method=method)
    told = [receipts_of(row, kinds) for row in rows]

    for step in range(len(kinds)):  # one event of every message at a time: each in its own order
        apply_events([told[n][order[step]] for n, order in enumerate(orders)])

    found = states()
    assert [found[row.pk] for row in rows] == [
        expected(row, receipts) for row, receipts in zip(rows, told, strict=True)
    ]
    assert DeliveryEvent.objects.count() == len(orders) * len(kinds)
    assert apply_events([receipt for receipts in told for receipt in receipts[::-1]]) == 0
    assert states() == found


@pytest.mark.parametrize("seed", range(6))
def test_twenty_random_events_in_random_chunks_with_repeats_end_in_the_pure_fold(seed: int) -> None:
    chance = Random(seed)
    rows = [row for values in STANDINGS for row in standing_rows(8, values, method=chance.choice(["EMAIL", "SMS"]))]
    told = {row.pk: receipts_of(row, chance.choices(list(EventKind), k=20)) for row in rows}
    wire = [receipt for receipts in told.values() for receipt in receipts]
    wire += chance.sample(wire, k=len(wire) // 3)
    chance.shuffle(wire)

    while wire:
        size = chance.choice([1, 2, 30, 200])
        apply_events(wire[:size])
        wire = wire[size:]

    found = states()
    assert [found[row.pk] for row in rows] == [expected(row, told[row.pk]) for row in rows]
