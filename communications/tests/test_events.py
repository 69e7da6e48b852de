from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from communications.actions.events import apply_events, look_up
from communications.choices import EventKind, MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.exceptions import UnknownMessage
from communications.models import DeliveryEvent, MessageData
from communications.providers import registry
from communications.providers.base import DeliveryReceipt, OutboundMessage
from communications.sending.run import send_due
from communications.tests.engine_fixtures import (
    at_once,
    batch_of,
    fresh,
    make_due,
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


def test_two_hundred_receipts_cost_as_many_statements_as_one() -> None:
    costs = []
    for number in (1, 1, 200):  # the first of all makes the year's sequence
        rows = waiting(number)
        with CaptureQueriesContext(connection) as captured:
            apply_events([receipt(row, D, sid=f"SM{row.pk}") for row in rows])
        costs.append(len(captured))

    assert costs[1] == costs[2]


@pytest.mark.django_db(transaction=True)
def test_the_same_receipts_from_eight_workers_at_once_count_once() -> None:
    rows = waiting(20)
    receipts = [receipt(row, kind) for row in rows for kind in (S, D)]

    new = at_once(*[lambda n=n: apply_events(receipts if n % 2 else receipts[::-1]) for n in range(8)])

    assert DeliveryEvent.objects.count() == 40
    assert max(new) == 40
    assert set(MessageData.objects.values_list("status", flat=True)) == {"delivered"}
    assert Interaction.objects.count() == 20


# --- looking up


def in_doubt(**values: Any) -> MessageData:
    [row] = waiting(status=MessageStatus.UNCERTAIN, decision_reason=Reason.NO_ANSWER, **values)
    return row


def asked(*rows: MessageData) -> int:
    return look_up(MessageData.objects.filter(pk__in=[row.pk for row in rows]))


def test_what_the_provider_took_is_sent_and_logged_once(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=1)
    [row] = waiting()
    send_due("transactional")
    assert fresh(row).status == MessageStatus.UNCERTAIN

    assert asked(row) == 1

    row = fresh(row)
    assert row.status in (MessageStatus.SENT, MessageStatus.DELIVERED)
    assert row.provider_message_id == provider.ledger("accepted")[0]["sid"]
    assert row.decision_reason == ""
    assert Interaction.objects.get().pk == row.interaction_id
    assert asked(row) == 0
    assert provider.count()["total"] == 1


def test_what_the_provider_does_not_know_goes_back_and_is_sent_once(provider: Emulator) -> None:
    provider.faults("drop_before", times=1)
    [row] = waiting()
    send_due("transactional")

    assert asked(row) == 1

    again = fresh(row)
    assert (again.status, again.decision_reason, again.retry_count) == (MessageStatus.PENDING, Reason.RETRY, 1)
    assert batch_of(again).pk != row.batch_id
    make_due()
    assert send_due("transactional") == 1
    assert fresh(row).status == MessageStatus.SENT
    assert provider.count()["total"] == 1


def test_a_doubt_that_was_tried_too_often_is_given_up(provider: Emulator) -> None:
    row, message = waiting_reply(status=MessageStatus.UNCERTAIN, max_retries=2, retry_count=2)

    assert asked(row) == 1

    row = fresh(row)
    assert (row.status, row.decision_reason, row.failed_ts is not None) == ("failed", Reason.GAVE_UP, True)
    message.refresh_from_db()
    assert message.delivery_status == "failed"


def test_while_the_provider_does_not_answer_a_doubt_stays_one(provider: Emulator) -> None:
    row = in_doubt()
    provider.faults("503")

    assert asked(row) == 0
    assert fresh(row).status == MessageStatus.UNCERTAIN


def test_of_two_equal_messages_in_doubt_each_finds_its_own(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=2)
    twins = [*waiting(recipient="+14165590001"), *waiting(recipient="+14165590001")]
    send_due("transactional")

    assert asked(*twins) == 2

    ids = {fresh(row).provider_message_id for row in twins}
    assert ids == {entry["sid"] for entry in provider.ledger("accepted")}
    assert not MessageData.objects.filter(possible_duplicate=True).exists()


def test_of_two_equal_messages_of_which_one_left_one_is_sent_again(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=1)
    provider.faults("drop_before", times=1)
    twins = [*waiting(recipient="+14165590001"), *waiting(recipient="+14165590001")]
    send_due("transactional")

    assert asked(*twins) == 2

    statuses = sorted(fresh(row).status for row in twins)
    assert statuses[0] == MessageStatus.PENDING
    assert statuses[1] in (MessageStatus.SENT, MessageStatus.DELIVERED)
    make_due()
    send_due("transactional")
    assert provider.count()["total"] == 2


def test_a_message_that_another_one_is_known_to_be_is_not_taken_for_this_one(provider: Emulator) -> None:
    [known] = waiting(recipient="+14165590001")
    send_due("transactional")
    row = in_doubt(recipient="+14165590001")

    assert asked(row) == 1

    assert fresh(row).status == MessageStatus.PENDING
    assert fresh(known).status == MessageStatus.SENT


@pytest.mark.parametrize("new_status", ["delivered", "uncertain"])
def test_an_old_absence_is_no_proof_of_what_happened_since(
    provider: Emulator, monkeypatch: pytest.MonkeyPatch, new_status: str
) -> None:
    """While one asks, another has asked, sent it again and got no answer (or a callback came): the list is stale."""
    row = in_doubt()
    twilio = registry.get("twilio")
    real = twilio.lookup

    async def asks_slowly(messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        return await real(messages)

    def meanwhile(*args: Any) -> list[DeliveryReceipt]:
        receipts = real_run(*args)
        row.status, row.sent_ts = new_status, timezone.now()
        row.save()
        return receipts

    from communications.actions import events

    real_run = events.loop.run
    monkeypatch.setattr(twilio, "lookup", asks_slowly)
    monkeypatch.setattr(events.loop, "run", meanwhile)

    assert asked(row) == 0
    assert fresh(row).status == new_status


@pytest.mark.django_db(transaction=True)
def test_two_who_look_up_the_same_doubts_at_once_send_each_again_once(provider: Emulator) -> None:
    rows = [in_doubt() for _ in range(10)]

    settled = at_once(*[lambda: asked(*rows)] * 2)

    assert sum(settled) == 10
    assert {fresh(row).retry_count for row in rows} == {1}
    make_due()
    assert send_due("transactional") == 10
    assert provider.count()["groups"] == provider.count()["total"] == 10
