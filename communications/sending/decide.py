"""Whether a message leaves now: send, hold until, or skip with a typed reason, kept on the row. Pure.

Marketing obeys everything, the quiet hours of the recipient's clock too; transactional obeys validity, suppression and
STOP. The one message that passes a STOP is its own confirmation. What could leave only after it expires is skipped at once.
"""

from dataclasses import dataclass
from datetime import datetime

from communications.choices import DecisionKind, Reason
from customers.choices import Purpose


@dataclass(frozen=True, kw_only=True)
class RecipientFacts:
    """All that the decision needs to know, looked up in bulk just before the slice leaves."""

    address_is_valid: bool
    consent_allows: bool
    opted_out: bool
    declined: bool = False
    suppressed_because: str = ""
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None
    quiet_until: datetime | None = None
    withdrawn: bool = False
    confirms_opt_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Decision:
    kind: DecisionKind
    reason: Reason | None = None
    until: datetime | None = None
    detail: str = ""


SEND = Decision(kind=DecisionKind.SEND)


def decide(facts: RecipientFacts, *, purpose: Purpose, at: datetime) -> Decision:
    """The decision at the moment `at`."""
    if facts.withdrawn:
        return _skip(Reason.WITHDRAWN)
    if facts.expires_at and facts.expires_at <= at:
        return _skip(Reason.EXPIRED, f"It was to be sent before {facts.expires_at:%Y-%m-%d %H:%M} UTC.")
    if not facts.address_is_valid:
        return _skip(Reason.INVALID_ADDRESS)
    return _obey_the_person(facts, purpose) or _obey_the_clock(facts, purpose, at) or SEND


def _obey_the_person(facts: RecipientFacts, purpose: Purpose) -> Decision | None:
    if facts.confirms_opt_out:
        return None
    if facts.opted_out:
        return _skip(Reason.OPTED_OUT)
    if facts.suppressed_because:
        return _skip(Reason.SUPPRESSED_ADDRESS, facts.suppressed_because)
    if purpose == Purpose.MARKETING and not facts.consent_allows:
        return _skip(Reason.OPTED_OUT if facts.declined else Reason.NO_CONSENT)
    return None


def _obey_the_clock(facts: RecipientFacts, purpose: Purpose, at: datetime) -> Decision | None:
    if facts.scheduled_at and facts.scheduled_at > at:
        return _hold(facts, Reason.SCHEDULED, facts.scheduled_at)
    if purpose == Purpose.MARKETING and facts.quiet_until and facts.quiet_until > at:
        return _hold(facts, Reason.QUIET_HOURS, facts.quiet_until)
    return None


def _hold(facts: RecipientFacts, reason: Reason, until: datetime) -> Decision:
    if facts.expires_at and facts.expires_at <= until:
        waits = f"{reason.label} until {until:%Y-%m-%d %H:%M} UTC"
        return _skip(Reason.EXPIRED, f"{waits}, and it was to be sent before {facts.expires_at:%Y-%m-%d %H:%M} UTC.")
    detail = (
        "" if reason is Reason.SCHEDULED else f"Until {until:%Y-%m-%d %H:%M} UTC."
    )  # the row tells its schedule itself
    return Decision(kind=DecisionKind.HOLD, reason=reason, until=until, detail=detail)


def _skip(reason: Reason, detail: str = "") -> Decision:
    return Decision(kind=DecisionKind.SKIP, reason=reason, detail=detail)
