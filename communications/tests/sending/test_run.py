import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.journal import process_due
from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.exceptions import ProviderFailure
from communications.models import MessageData, SendBatch
from communications.providers import registry
from communications.providers.base import OutboundMessage, SendResult
from communications.sending import run
from communications.tests.engine_fixtures import (
    at_once,
    batch_of,
    fresh,
    make_due,
    provider,
    waiting,
    waiting_reply,
)
from customers.choices import ConsentPurpose, ConsentStatus, SuppressionReason
from customers.tests.factories import ConsentEventFactory, SuppressionFactory
from interactions.models import Interaction, SmsDetails

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


def send(purpose: str = "transactional") -> int:
    return run.send_due(purpose)


def statuses() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in MessageData.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


@pytest.fixture
def between_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Do something after each call to the provider, before its answers are settled; it is told which call it was."""

    def install(then: Callable[[int], None]) -> None:
        twilio, calls = registry.get("twilio"), []
        real = twilio.send

        async def send_and_then(batch: Sequence[OutboundMessage]) -> list[SendResult]:
            results = await real(batch)
            calls.append(batch)
            return results

        def settle_after(sent: Any, results: Any) -> None:
            then(len(calls))
            real_settle(sent, results)

        real_settle = run.settle
        monkeypatch.setattr(twilio, "send", send_and_then)
        monkeypatch.setattr(run, "settle", settle_after)

    return install


def test_everything_due_is_sent_once_and_its_batches_are_done(provider: Emulator) -> None:
    rows = [*waiting(30), *waiting(3), *waiting(2, channel="whatsapp", message_delivery_method="WHATSAPP")]

    assert send() == 35

    assert statuses() == {"sent": 35}
    assert set(SendBatch.objects.values_list("state", flat=True)) == {"done"}
    assert not SendBatch.objects.exclude(in_flight=[]).exists()
    assert provider.count()["groups"] == provider.count()["total"] == 35
    assert {entry["reference"] for entry in provider.ledger("accepted")} == {str(row.pk) for row in rows}
    assert Interaction.objects.count() == 35
    assert send() == 0


def test_marketing_waits_for_its_own_sender(provider: Emulator) -> None:
    [row] = waiting(purpose="marketing", recipient="+14165590001")
    ConsentEventFactory(address="+14165590001", status=ConsentStatus.OPT_IN, purpose=ConsentPurpose.MARKETING)

    assert send() == 0
    assert send("marketing") == 1
    assert fresh(row).status == MessageStatus.SENT


def test_every_decision_is_stored_with_its_reason_and_time(provider: Emulator) -> None:
    leaves, *_ = waiting()
    [stopped] = waiting(recipient="+14165590001")
    [suppressed] = waiting(recipient="+14165590002")
    [no_consent] = waiting(recipient="+14165590003", purpose="marketing")
    [expired] = waiting(expires_ts=timezone.now() - timedelta(minutes=1))
    [invalid] = waiting(recipient="+1416")
    [held] = waiting(scheduled_ts=timezone.now() + timedelta(hours=1))
    ConsentEventFactory(address="+14165590001", status=ConsentStatus.OPT_OUT, purpose=ConsentPurpose.ALL)
    SuppressionFactory(address="+14165590002", reason=SuppressionReason.HARD_BOUNCE)

    send()
    send("marketing")

    expected = {
        leaves: ("sent", "send", ""),
        stopped: ("suppressed", "skip", Reason.OPTED_OUT),
        suppressed: ("suppressed", "skip", Reason.SUPPRESSED_ADDRESS),
        no_consent: ("suppressed", "skip", Reason.NO_CONSENT),
        expired: ("failed", "skip", Reason.EXPIRED),
        invalid: ("suppressed", "skip", Reason.INVALID_ADDRESS),
        held: ("scheduled", "hold", Reason.SCHEDULED),
    }
    found = {row: fresh(row) for row in expected}
    assert {k: (v.status, v.decision, v.decision_reason) for k, v in found.items()} == expected
    assert all(row.decided_ts for row in found.values())
    assert found[suppressed].decision_detail == "hard_bounce"
    assert provider.count()["total"] == 1


def test_what_is_scheduled_is_held_in_a_batch_of_its_own_time_and_leaves_then(provider: Emulator) -> None:
    soon = timezone.now() + timedelta(hours=1, microseconds=700)
    [row] = waiting(scheduled_ts=soon)

    assert send() == 0
    batch = batch_of(row)
    assert (batch.state, batch.row_count) == ("waiting", 1)
    assert soon <= batch.due_at < soon + timedelta(seconds=1)
    assert send() == 0

    MessageData.objects.filter(pk=row.pk).update(scheduled_ts=timezone.now())
    make_due()
    assert send() == 1
    assert fresh(row).status == MessageStatus.SENT


def test_a_message_held_for_less_than_a_second_makes_one_batch_and_not_a_hundred(provider: Emulator) -> None:
    waiting(scheduled_ts=timezone.now() + timedelta(milliseconds=400))

    send()

    assert SendBatch.objects.count() == 2


def test_a_skipped_reply_shows_in_the_thread_that_it_failed(provider: Emulator) -> None:
    row, message = waiting_reply()
    SuppressionFactory(address=row.recipient)

    send()

    message.refresh_from_db()
    assert (message.delivery_status, SmsDetails.objects.get(message=message).delivery_status) == ("failed", "failed")


def test_an_opt_out_between_two_slices_is_obeyed(provider: Emulator, settings: Any, between_calls: Any) -> None:
    settings.SEND_SLICE_SIZE = 2
    rows = sorted(waiting(5), key=lambda row: row.pk)

    def everybody_stops(call: int) -> None:
        if call == 1:
            for row in rows:
                SuppressionFactory(address=row.recipient)

    between_calls(everybody_stops)
    send()

    assert [fresh(row).status for row in rows] == ["sent", "sent", *["suppressed"] * 3]
    assert provider.count()["total"] == 2


@pytest.mark.parametrize("state", ["cancelled", "parked"])
def test_stopping_a_batch_takes_hold_with_the_next_slice(
    provider: Emulator, settings: Any, between_calls: Any, state: str
) -> None:
    settings.SEND_SLICE_SIZE = 2
    rows = sorted(waiting(5), key=lambda row: row.pk)
    stop = {"state": state, "lease_until": None, "in_flight": []}
    between_calls(lambda call: SendBatch.objects.update(**stop))

    send()

    assert provider.count()["total"] == 2
    assert [fresh(row).status for row in rows] == ["sent", "sent", "pending", "pending", "pending"]
    assert [fresh(row).decision for row in rows[2:]] == [""] * 3
    assert SendBatch.objects.get().state == state
    assert Interaction.objects.count() == 2


def test_asked_to_stop_it_ends_between_two_slices_and_gives_the_rest_back(provider: Emulator, settings: Any) -> None:
    settings.SEND_SLICE_SIZE = 2
    rows = sorted(waiting(5), key=lambda row: row.pk)
    settled_so_far: Callable[[], int] = lambda: statuses().get("sent", 0)  # noqa: E731

    assert run.send_due("transactional", should_stop=lambda: settled_so_far() >= 2) == 2

    batch = batch_of(rows[0])
    assert (batch.state, batch.lease_until, batch.in_flight) == ("waiting", None, [])
    assert statuses() == {"sent": 2, "pending": 3}
    assert send() == 3
    assert provider.count()["groups"] == provider.count()["total"] == 5


def test_a_failure_of_the_whole_call_is_every_message_s(provider: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(batch: Sequence[OutboundMessage]) -> list[SendResult]:
        raise ProviderFailure("retry", "Busy", code="429", retry_after=600)

    monkeypatch.setattr(registry.get("twilio"), "send", fails)
    rows = waiting(3)

    send()

    assert statuses() == {"pending": 3}
    assert {(fresh(row).error_code, fresh(row).retry_count) for row in rows} == {("429", 1)}
    assert all(batch_of(row).due_at > timezone.now() + timedelta(seconds=590) for row in rows)


def test_after_a_sender_stood_still_nothing_is_called_and_nothing_is_lost(
    provider: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEND_LEASE_SECONDS, settings.PROVIDER_TIMEOUT_SECONDS = 2, 15.0  # no call fits into such a lease
    [row] = waiting()

    send()

    row = fresh(row)
    assert (row.status, row.error_code) == (MessageStatus.PENDING, "not_sent")
    assert provider.count()["total"] == 0
    settings.SEND_LEASE_SECONDS = 60
    make_due()
    assert send() == 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("400", ("failed", "rejected")),
        ("429", ("pending", "retry")),
        ("503", ("pending", "retry")),
        ("401", ("pending", "provider_down")),
        ("500", ("uncertain", "no_answer")),
        ("accept_then_drop", ("uncertain", "no_answer")),
        ("truncated", ("uncertain", "bad_answer")),
        ("html_200", ("uncertain", "bad_answer")),
    ],
)
def test_a_provider_that_misbehaves_is_written_down_as_what_it_proves(
    provider: Emulator, mode: str, expected: tuple[str, str]
) -> None:
    provider.faults(mode, times=1)
    [hit], [fine] = waiting(), waiting()

    assert send() == 2

    rows = {(row.status, row.decision_reason) for row in map(fresh, (hit, fine))}
    assert rows == {expected, ("sent", "")}


@pytest.mark.django_db(transaction=True)
def test_eight_senders_at_once_send_everything_once(provider: Emulator, settings: Any) -> None:
    settings.SEND_SLICE_SIZE = 20
    for _ in range(30):
        waiting(5)

    settled = at_once(*[send] * 8)
    settled.append(send())

    assert sum(settled) == 150
    assert statuses() == {"sent": 150}
    assert provider.count()["groups"] == provider.count()["total"] == 150
    assert Interaction.objects.count() == 150


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_is_called(
    provider: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another connection does to the rows meanwhile does not wait for the provider."""
    rows = waiting(3)
    twilio = registry.get("twilio")
    real, free = twilio.send, threading.Event()

    def touch() -> None:
        MessageData.objects.filter(pk__in=[row.pk for row in rows]).update(recipient_name="Meanwhile")
        SendBatch.objects.update(last_error="Meanwhile")
        free.set()

    async def slowly(batch: Sequence[OutboundMessage]) -> list[SendResult]:
        at_once(touch)
        return await real(batch)

    monkeypatch.setattr(twilio, "send", slowly)
    assert send() == 3
    assert free.is_set()
    assert statuses() == {"sent": 3}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["ok", "accept_then_drop"])
def test_callbacks_that_overtake_the_answer_end_right(
    provider: Emulator, settings: Any, live_server: Any, between_calls: Any, mode: str
) -> None:
    """Over the wire: the provider calls back before it answers (or never answers), and a worker is faster than the sender."""
    settings.PUBLIC_BASE_URL = live_server.url
    provider.callbacks(enabled=True, before_answer=True, delays_ms={"queued": 0, "sent": 0, "delivered": 0})
    provider.faults(mode)
    rows = waiting(5)

    def everything_was_told(call: int) -> None:
        flushed = provider.flush()
        assert (flushed["failed"], flushed["pending"]) == (0, 0)
        assert process_due() == 15

    between_calls(everything_was_told)
    send()

    found = [fresh(row) for row in rows]
    assert {row.status for row in found} == {"delivered"}
    assert {row.provider_message_id for row in found} == {entry["sid"] for entry in provider.ledger("accepted")}
    assert not any(row.possible_duplicate or row.anomaly for row in found)
    assert Interaction.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_a_call_that_hangs_holds_up_its_own_lane_only(provider: Emulator, settings: Any) -> None:
    settings.PROVIDER_TIMEOUT_SECONDS = 4
    provider.faults("hang", match={"to": "14165590001"})
    [hanging] = waiting(recipient="+14165590001")
    ended = threading.Event()

    def senders() -> None:
        run.send_in_lanes("transactional", lanes=2, should_stop=lambda: False)
        ended.set()

    thread = threading.Thread(target=senders)
    thread.start()
    wait_until(lambda: batch_of(hanging).state == "working")
    [other] = waiting(recipient="+14165590002")
    wait_until(lambda: fresh(other).status == "sent")

    assert not ended.is_set()
    thread.join()
    assert fresh(hanging).status == "uncertain"


def wait_until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)
