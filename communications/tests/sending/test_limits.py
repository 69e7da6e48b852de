"""The engine at its limits: lines with a rate, a line that is paused, a provider that fails."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.models import MessageData, ProviderCircuit, SendBatch, SenderLine
from communications.sending.run import send_due, send_in_lanes
from communications.tests.engine_fixtures import LINE, at_once, fresh, make_due, provider, waiting
from communications.tests.factories import SenderLineFactory
from config.db import fetch_all
from customers.tests.factories import SuppressionFactory

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


def statuses() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in MessageData.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def line(**values: Any) -> SenderLine:
    return SenderLineFactory(**{"provider": "twilio", "sender": LINE, "tokens": values.get("burst", 1), **values})


def circuit() -> ProviderCircuit:
    return ProviderCircuit.objects.get(provider="twilio")


def let_the_probe_be_due() -> None:
    fetch_all("UPDATE provider_circuits SET probe_at = now() - interval '1 second' WHERE state = 'open'")
    make_due()


# --- lines


def test_a_line_sends_what_its_bucket_holds_and_the_rest_waits(provider: Emulator) -> None:
    line(per_second="0.01", burst=7)
    rows = [*waiting(10), *waiting(3, sender="+15195550200")]

    assert send_due("transactional") == 10

    assert statuses() == {"sent": 10, "pending": 3}
    assert {entry["from"] for entry in provider.ledger("accepted")} == {LINE, "+15195550200"}
    held = SendBatch.objects.filter(state="waiting").get()
    assert held.due_at > timezone.now() + timedelta(seconds=20)
    assert send_due("transactional") == 0
    assert {fresh(row).retry_count for row in rows} == {0}


def test_tokens_of_messages_that_do_not_leave_are_not_lost(provider: Emulator) -> None:
    line(per_second="0.001", burst=10)
    skipped = waiting(5)
    for row in skipped:
        SuppressionFactory(address=row.recipient)

    send_due("transactional")
    waiting(20)
    send_due("transactional")

    assert statuses() == {"suppressed": 5, "sent": 10, "pending": 10}


def test_a_paused_line_keeps_its_messages_waiting_and_goes_on_afterwards(provider: Emulator) -> None:
    row = line(per_second=100, burst=100, paused=True)
    waiting(5)

    assert send_due("transactional") == 0
    assert statuses() == {"pending": 5}
    SenderLine.objects.filter(pk=row.pk).update(paused=False)
    make_due()
    assert send_due("transactional") == 5


@pytest.mark.django_db(transaction=True)
def test_a_slow_line_is_served_until_nothing_is_left_without_another_wake_up(provider: Emulator) -> None:
    line(per_second=5, burst=1)
    waiting(6)
    began = time.monotonic()

    send_in_lanes("transactional", lanes=2, should_stop=lambda: time.monotonic() > began + 30)

    assert statuses() == {"sent": 6}
    assert time.monotonic() - began > 0.9  # never faster than the line allows


@pytest.mark.django_db(transaction=True)
def test_two_senders_share_a_line_and_neither_sends_too_much(provider: Emulator) -> None:
    line(per_second="0.01", burst=30)
    for _ in range(10):
        waiting(10)

    at_once(*[lambda: send_due("transactional")] * 2)

    assert provider.count()["total"] == 30
    assert statuses() == {"sent": 30, "pending": 70}


# --- a provider that fails


def test_while_a_provider_is_away_its_messages_wait_and_burn_no_attempt(provider: Emulator, settings: Any) -> None:
    settings.SEND_SLICE_SIZE = 25
    provider.faults("503", retry_after=0)
    rows = waiting(100)

    send_due("transactional")

    assert circuit().state == "open"
    assert len(provider.ledger("refused")) == 25
    assert statuses() == {"pending": 100}
    assert {fresh(row).retry_count for row in rows} == {0}
    refused = MessageData.objects.filter(decision_reason=Reason.PROVIDER_DOWN)
    assert refused.count() == 25
    make_due()
    assert send_due("transactional") == 0


def test_one_message_probes_it_and_when_it_is_back_everything_leaves(provider: Emulator, settings: Any) -> None:
    settings.SEND_SLICE_SIZE = 25
    provider.faults("503", retry_after=0)
    waiting(60)
    send_due("transactional")
    calls = len(provider.ledger("refused"))

    let_the_probe_be_due()
    send_due("transactional")
    assert len(provider.ledger("refused")) == calls + 1
    assert circuit().openings == 2
    assert MessageData.objects.filter(retry_count__gt=0).count() == 0

    provider.clear_faults()
    let_the_probe_be_due()
    send_due("transactional")
    make_due()
    send_due("transactional")

    assert circuit().state == "closed"
    assert statuses() == {"sent": 60}
    assert provider.count()["groups"] == provider.count()["total"] == 60


def test_a_probe_whose_message_may_not_leave_goes_on_to_the_next_one(provider: Emulator) -> None:
    rows = sorted(waiting(3), key=lambda row: row.pk)
    SuppressionFactory(address=rows[0].recipient)
    ProviderCircuit.objects.create(
        provider="twilio", state="open", openings=1, opened_at=timezone.now(), probe_at=timezone.now()
    )

    send_due("transactional")

    assert circuit().state == "closed"
    assert [fresh(row).status for row in rows] == ["suppressed", "sent", "sent"]


def test_a_sender_that_stood_still_proves_nothing_about_its_provider(
    provider: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins no call that its lease would not outlive; what it did not send is not its provider's failure."""
    settings.SEND_LEASE_SECONDS, settings.PROVIDER_TIMEOUT_SECONDS = 1, 3.0  # over before it begins
    rows = waiting(30)

    send_due("transactional")

    assert {fresh(row).status for row in rows} == {MessageStatus.PENDING}
    assert not ProviderCircuit.objects.filter(state="open").exists()
