from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.exceptions import UnknownMessage
from communications.models import DeliveryEvent, MessageData
from communications.providers.base import DeliveryReceipt
from communications.sending.run import send_due
from communications.tests.engine_fixtures import (
    at_once,
    fresh,
    provider,
    waiting,
    waiting_reply,
)
from interactions.models import Interaction, SmsDetails

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

Q, S, D, U, R = EventKind.QUEUED, EventKind.SENT, EventKind.DELIVERED, EventKind.UNDELIVERED, EventKind.READ


def receipt(row: MessageData, kind: EventKind, *, sid: str = "SM1", **values: Any) -> DeliveryReceipt:
    return DeliveryReceipt(
        **{
            "reference": row.pk,
            "provider": "twilio",
            "event_id": f"{row.pk}:{sid}:{kind}",
            "kind": kind,
            "provider_message_id": sid,
            **values,
        }
    )


def told(row: MessageData, *kinds: EventKind) -> MessageData:
    """The row after these events, each in a delivery of its own."""
    for kind in kinds:
        apply_events([receipt(row, kind)])
    return fresh(row)


def facts(row: MessageData) -> dict[str, Any]:
    """Everything about it that receipts decide; times that they do not carry are ours and differ."""
    names = (
        "status",
        "error_code",
        "anomaly",
        "open_count",
        "click_count",
        "provider_message_id",
        "possible_duplicate",
    )
    return {name: getattr(row, name) for name in names}


# --- folding


def test_events_are_stored_folded_and_logged_once() -> None:
    [row] = waiting()

    new = apply_events([receipt(row, S), receipt(row, D), receipt(row, D)])

    row = fresh(row)
    assert (new, row.status, row.provider_message_id) == (2, MessageStatus.DELIVERED, "SM1")
    assert DeliveryEvent.objects.count() == 2
    assert Interaction.objects.get().pk == row.interaction_id
    assert apply_events([receipt(row, D)]) == 0
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("kinds", [(Q, S, D, R), (S, U, D), (U, S), (D, D, U)])
def test_every_order_ends_in_the_same_row(kinds: Sequence[EventKind]) -> None:
    ends = []
    for order in permutations(kinds):
        [row] = waiting()
        told(row, *order)
        apply_events([receipt(row, kind) for kind in order])
        ends.append(facts(fresh(row)))

    assert all(end == ends[0] for end in ends)


def test_the_times_are_the_provider_s_or_those_when_we_heard_of_it() -> None:
    [row] = waiting(status=MessageStatus.SENT, sent_ts=timezone.now() - timedelta(days=2))
    carrier, heard = timezone.now() - timedelta(days=1), timezone.now() - timedelta(hours=3)

    apply_events([receipt(row, D, occurred_at=carrier, received_at=heard), receipt(row, R, received_at=heard)])

    row = fresh(row)
    assert (row.delivered_ts, row.opened_ts) == (carrier, heard)


def test_a_late_sent_takes_nothing_back() -> None:
    [row] = waiting()
    assert told(row, D, S, Q).status == MessageStatus.DELIVERED


def test_failed_says_why_until_it_turns_out_to_have_arrived() -> None:
    [row] = waiting()
    apply_events([receipt(row, U, error_code="30005", reason="Unknown destination handset")])
    failed = fresh(row)
    assert (failed.status, failed.error_code, failed.failed_reason) == (
        "failed",
        "30005",
        "Unknown destination handset",
    )
    assert (failed.decision_reason, failed.failed_ts is not None) == (Reason.UNDELIVERED, True)

    arrived = told(row, D)

    assert (arrived.status, arrived.error_code, arrived.failed_reason) == ("delivered", "", "")
    assert (arrived.decision_reason, arrived.anomaly) == ("", "delivered_and_undelivered")


@pytest.mark.parametrize(("kind", "status"), [(S, "sent"), (D, "delivered"), (U, "failed")])
def test_an_event_settles_a_doubt_and_logs_it_once(kind: EventKind, status: str) -> None:
    [row] = waiting(status=MessageStatus.UNCERTAIN, decision_reason=Reason.NO_ANSWER)

    row = told(row, kind, kind)

    assert row.status == status
    assert row.decision_reason == ("undelivered" if status == "failed" else "")
    assert Interaction.objects.get().pk == row.interaction_id


def test_what_waits_to_be_sent_again_and_has_arrived_is_not_sent_again(provider: Emulator) -> None:
    [row] = waiting()
    told(row, D)

    send_due("transactional")

    assert provider.count()["total"] == 0
    assert fresh(row).status == MessageStatus.DELIVERED


@pytest.mark.parametrize("status", [MessageStatus.SUPPRESSED, MessageStatus.CANCELLED])
def test_a_message_that_we_held_back_but_that_arrived_is_marked_for_good(status: MessageStatus) -> None:
    [row] = waiting(status=status, decision_reason=Reason.OPTED_OUT)

    row = told(row, S, D, R)

    assert (row.status, row.anomaly) == ("delivered", f"sent_though_{status}")
    assert row.decision_reason == Reason.OPTED_OUT


def test_two_ids_of_one_message_look_like_a_double() -> None:
    [row] = waiting()
    apply_events([receipt(row, D, sid="SM1")])
    assert not fresh(row).possible_duplicate

    apply_events([receipt(row, S, sid="SM2")])

    assert fresh(row).possible_duplicate


def test_an_event_of_an_unknown_message_stores_nothing_at_all() -> None:
    [row] = waiting()
    stranger = MessageData(pk=uuid7())

    with pytest.raises(UnknownMessage, match=str(stranger.pk)):
        apply_events([receipt(row, D), receipt(stranger, D)])

    assert DeliveryEvent.objects.count() == 0
    assert fresh(row).status == MessageStatus.PENDING


@pytest.mark.parametrize(("kind", "word"), [(Q, "sent"), (S, "sent"), (D, "delivered"), (U, "undelivered")])
def test_a_reply_shows_it_in_the_sources_words(kind: EventKind, word: str) -> None:
    row, message = waiting_reply()

    row = told(row, kind)

    message.refresh_from_db()
    details = SmsDetails.objects.get(message=message)
    assert (message.delivery_status, details.delivery_status, details.provider_message_id) == (word, word, "SM1")
    assert (details.delivered_at, details.failed_at) == (row.delivered_ts, row.failed_ts)
    assert Interaction.objects.count() == 1


def test_a_whatsapp_reply_that_was_seen_is_read() -> None:
    row, message = waiting_reply(channel="whatsapp", message_delivery_method="WHATSAPP")

    row = told(row, D, R)

    message.refresh_from_db()
    assert (message.delivery_status, row.status, row.opened_ts is not None) == ("read", "delivered", True)


@pytest.mark.parametrize("kinds", [(D,), (S, D, R), (EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED)])
@pytest.mark.parametrize("logged", [True, False])
def test_a_thousand_receipts_cost_as_many_statements_as_one(kinds: Sequence[EventKind], logged: bool) -> None:
    costs = []
    for number in (1, 1, 100, 1_000):  # the first of all makes the year's sequence
        rows = waiting(number, message_delivery_method="EMAIL", status=MessageStatus.SENT, sent_ts=timezone.now())
        if logged:
            apply_events([receipt(row, Q) for row in rows])
        receipts = [receipt(row, kind, sid=f"SM{row.pk}") for row in rows for kind in kinds]
        with CaptureQueriesContext(connection) as captured:
            assert apply_events(receipts) == number * len(kinds)
        costs.append(len(captured))

    assert costs[1] == costs[2] == costs[3]
    assert costs[1] <= 18


def test_what_is_logged_already_and_tells_nothing_new_is_only_read() -> None:
    rows = waiting(50, status=MessageStatus.SENT, sent_ts=timezone.now())
    apply_events([receipt(row, D) for row in rows])
    before = set(MessageData.objects.values_list("pk", "updated_ts"))

    with CaptureQueriesContext(connection) as captured:
        apply_events([receipt(row, kind) for row in rows for kind in (Q, D)])

    assert not [query for query in captured if query["sql"].lstrip().startswith("UPDATE")]
    assert set(MessageData.objects.values_list("pk", "updated_ts")) == before


@pytest.mark.django_db(transaction=True)
def test_the_same_receipts_from_eight_workers_at_once_count_once() -> None:
    rows = waiting(20)
    receipts = [receipt(row, kind) for row in rows for kind in (S, D)]

    new = at_once(*[lambda n=n: apply_events(receipts if n % 2 else receipts[::-1]) for n in range(8)])

    assert DeliveryEvent.objects.count() == 40
    assert max(new) == 40
    assert set(MessageData.objects.values_list("status", flat=True)) == {"delivered"}
    assert Interaction.objects.count() == 20
