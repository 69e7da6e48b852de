from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from communications.choices import DecisionKind, Reason
from communications.sending.decide import SEND, Decision, RecipientFacts, decide
from customers.choices import Purpose

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)
LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
TRANSACTIONAL, MARKETING = Purpose.TRANSACTIONAL, Purpose.MARKETING


def decided(purpose: Purpose = TRANSACTIONAL, **facts: Any) -> Decision:
    everything_fine = {"address_is_valid": True, "consent_allows": True, "opted_out": False}
    return decide(RecipientFacts(**{**everything_fine, **facts}), purpose=purpose, at=NOON)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_message_with_nothing_against_it_leaves_now(purpose: Purpose) -> None:
    assert decided(purpose) == SEND


SKIPS: list[tuple[dict[str, Any], Purpose, Reason]] = [
    ({"withdrawn": True}, TRANSACTIONAL, Reason.WITHDRAWN),
    ({"expires_at": EARLIER}, TRANSACTIONAL, Reason.EXPIRED),
    ({"expires_at": NOON}, TRANSACTIONAL, Reason.EXPIRED),
    ({"address_is_valid": False}, TRANSACTIONAL, Reason.INVALID_ADDRESS),
    ({"opted_out": True}, TRANSACTIONAL, Reason.OPTED_OUT),
    ({"opted_out": True}, MARKETING, Reason.OPTED_OUT),
    ({"suppressed_because": "hard_bounce"}, TRANSACTIONAL, Reason.SUPPRESSED_ADDRESS),
    ({"suppressed_because": "stop"}, MARKETING, Reason.SUPPRESSED_ADDRESS),
    ({"consent_allows": False}, MARKETING, Reason.NO_CONSENT),
]


@pytest.mark.parametrize(("facts", "purpose", "reason"), SKIPS)
def test_it_is_skipped_for_a_typed_reason(facts: dict[str, Any], purpose: Purpose, reason: Reason) -> None:
    decision = decided(purpose, **facts)

    assert (decision.kind, decision.reason) == (DecisionKind.SKIP, reason)


def test_transactional_mail_needs_no_marketing_consent() -> None:
    assert decided(TRANSACTIONAL, consent_allows=False) == SEND


def test_what_is_scheduled_is_held_until_then_and_leaves_at_that_very_moment() -> None:
    held = decided(scheduled_at=LATER)

    assert (held.kind, held.reason, held.until) == (DecisionKind.HOLD, Reason.SCHEDULED, LATER)
    assert decided(scheduled_at=NOON) == SEND
    assert decided(scheduled_at=EARLIER) == SEND


def test_it_may_leave_until_the_moment_it_expires() -> None:
    assert decided(expires_at=NOON + timedelta(microseconds=1)) == SEND


def test_marketing_waits_for_the_end_of_the_quiet_hours_and_nothing_else_does() -> None:
    held = decided(MARKETING, quiet_until=LATER)

    assert (held.kind, held.reason, held.until) == (DecisionKind.HOLD, Reason.QUIET_HOURS, LATER)
    assert held.detail == "Until 2025-11-15 18:00 UTC."
    assert decided(TRANSACTIONAL, quiet_until=LATER) == SEND
    assert decided(MARKETING, quiet_until=NOON) == SEND


@pytest.mark.parametrize("hold", ["quiet_until", "scheduled_at"])
def test_what_could_leave_only_after_it_expires_is_skipped_at_once(hold: str) -> None:
    skipped = decided(MARKETING, **{hold: LATER}, expires_at=LATER)

    assert (skipped.kind, skipped.reason) == (DecisionKind.SKIP, Reason.EXPIRED)
    assert "until 2025-11-15 18:00 UTC" in skipped.detail
    assert decided(MARKETING, **{hold: LATER}, expires_at=LATER + timedelta(seconds=1)).kind == DecisionKind.HOLD


def test_the_confirmation_of_a_stop_passes_that_stop_and_nothing_else() -> None:
    passes = {"confirms_opt_out": True, "opted_out": True, "suppressed_because": "stop", "consent_allows": False}

    assert decided(MARKETING, **passes) == SEND
    assert decided(**passes, address_is_valid=False).reason == Reason.INVALID_ADDRESS
    assert decided(**passes, withdrawn=True).reason == Reason.WITHDRAWN
    assert decided(**passes, scheduled_at=LATER).kind == DecisionKind.HOLD


def test_the_strongest_reason_is_the_one_that_is_told() -> None:
    against = {
        "withdrawn": True,
        "expires_at": EARLIER,
        "address_is_valid": False,
        "opted_out": True,
        "suppressed_because": "stop",
        "consent_allows": False,
        "scheduled_at": LATER,
        "quiet_until": LATER,
    }
    told = []
    for fact in list(against):
        told.append(decided(MARKETING, **against).reason)
        del against[fact]

    assert told == [
        Reason.WITHDRAWN,
        Reason.EXPIRED,
        Reason.INVALID_ADDRESS,
        Reason.OPTED_OUT,
        Reason.SUPPRESSED_ADDRESS,
        Reason.NO_CONSENT,
        Reason.SCHEDULED,
        Reason.QUIET_HOURS,
    ]


def test_details_say_what_the_reason_alone_does_not() -> None:
    assert decided(suppressed_because="hard_bounce").detail == "hard_bounce"
    assert "2025-11-15 16:00 UTC" in decided(expires_at=EARLIER).detail
