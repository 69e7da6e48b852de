"""Whether a provider's calls are worth making: its circuit, one row, so that every process agrees.

Closed, it counts: twenty calls of which half failed within thirty seconds open it, and one answer that refuses our whole
account opens it at once. Open, the provider's batches are not claimed (see `claim`) until, at `probe_at`, one process may
send one message. What becomes of that closes the circuit, or opens it for twice as long, five minutes at most.

A call that carries many messages counts as five, however many it carries: one alone proves nothing, and to wait for twenty
would put twenty thousand mails in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

import structlog

from communications.models import ProviderCircuit
from communications.providers import registry
from communications.providers.base import Outcome, SendResult
from config.db import fetch_all

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 30
FEWEST_CALLS = 20
LARGE_CALL = 5  # what a call that carries many counts
FIRST_PAUSE, LONGEST_PAUSE = 30, 300  # seconds until a probe

_NOT_SENT = "not_sent"  # every provider's word for a call that never left
_FAILED = (Outcome.RETRY, Outcome.DOWN, Outcome.UNCERTAIN)
_NEXT_PROBE = (
    f"clock_timestamp() + make_interval(secs => least({LONGEST_PAUSE}, {FIRST_PAUSE} * 2 ^ least(openings, 9)))"
)

_COUNT = f"""
WITH circuit AS (
    SELECT * FROM provider_circuits WHERE provider = %(provider)s FOR NO KEY UPDATE
), clocked AS MATERIALIZED (
    SELECT *, clock_timestamp() AS at FROM circuit
), windowed AS (
    SELECT id, state, at, CASE WHEN is_over THEN at ELSE window_at END AS window_at,
        CASE WHEN is_over THEN 0 ELSE calls END + %(calls)s AS calls,
        CASE WHEN is_over THEN 0 ELSE failures END + %(failures)s AS failures
    FROM (SELECT *, window_at <= at - interval '{WINDOW_SECONDS} seconds' AS is_over FROM clocked) AS w
), judged AS (
    SELECT *, state = 'closed' AND (%(refused)s OR calls >= {FEWEST_CALLS} AND failures * 2 >= calls) AS opens
    FROM windowed
)
UPDATE provider_circuits AS c
SET window_at = j.window_at, calls = j.calls, failures = j.failures, updated_ts = j.at,
    last_error = coalesce(nullif(%(error)s, ''), c.last_error),
    state = CASE WHEN j.opens THEN 'open' ELSE c.state END,
    openings = CASE WHEN j.opens THEN 1 ELSE c.openings END,
    opened_at = CASE WHEN j.opens THEN j.at ELSE c.opened_at END,
    probe_at = CASE WHEN j.opens THEN j.at + interval '{FIRST_PAUSE} seconds' ELSE c.probe_at END
FROM judged AS j WHERE c.id = j.id
RETURNING c.state, j.opens, c.calls, c.failures
"""
_TAKE_PROBE = f"""
UPDATE provider_circuits SET probe_at = {_NEXT_PROBE}, updated_ts = clock_timestamp()
WHERE provider = %s AND state = 'open' AND probe_at <= clock_timestamp()
RETURNING id
"""
_CLOSE = """
UPDATE provider_circuits
SET state = 'closed', probe_at = NULL, openings = 0, calls = 0, failures = 0,
    window_at = clock_timestamp(), updated_ts = clock_timestamp()
WHERE provider = %s AND state = 'open'
RETURNING opened_at
"""
_OPEN_LONGER = f"""
UPDATE provider_circuits
SET probe_at = {_NEXT_PROBE}, openings = openings + 1, last_error = %s, updated_ts = clock_timestamp()
WHERE provider = %s AND state = 'open'
RETURNING probe_at
"""


class Permit(StrEnum):
    """What may be sent by a provider now: everything, one message as a probe, or nothing."""

    ALL = "all"
    PROBE = "probe"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Noted:
    """The results as they are to be settled, and whether the circuit is open now: then no further call is to be made."""

    results: Sequence[SendResult]
    is_open: bool = False


def permit(provider: str) -> Permit:
    """Whether to call `provider`. A probe is given to one caller; if nothing is heard of it, to another one at its next time."""
    if fetch_all(_TAKE_PROBE, [provider]):
        return Permit.PROBE
    is_open = ProviderCircuit.objects.filter(provider=provider, state=ProviderCircuit.State.OPEN).exists()
    return Permit.NONE if is_open else Permit.ALL


def note(provider: str, results: Sequence[SendResult], *, probe: bool = False, in_time: bool = True) -> Noted:
    """Tell the circuit what the calls of a slice did. Not `in_time`: what was not sent is the sender's failure, who stood still.

    At an open circuit a call that can be made again is the provider's failure and not the message's: it burns no attempt.
    """
    called = [result for result in results if in_time or result.error_code != _NOT_SENT]
    if not called:
        return Noted(results=results)
    is_open = _note_probe(provider, called) if probe else _note_calls(provider, called)
    return Noted(results=[_unburned(result) for result in results] if is_open else results, is_open=is_open)


def _note_calls(provider: str, results: Sequence[SendResult]) -> bool:
    """Whether the circuit is open now."""
    failed = [result for result in results if _is_failure(result)]
    values: dict[str, Any] = {
        "provider": provider,
        "calls": _calls(provider, len(results) - len(failed)) + _calls(provider, len(failed)),
        "failures": _calls(provider, len(failed)),
        "refused": any(result.outcome is Outcome.DOWN for result in failed),
        "error": _error(failed),
    }
    rows = fetch_all(_COUNT, values)
    if not rows:  # this provider's first calls
        ProviderCircuit.objects.bulk_create([ProviderCircuit(provider=provider)], ignore_conflicts=True)
        rows = fetch_all(_COUNT, values)
    state, opens, calls, failures = rows[0]
    if opens:
        log.warning("circuit_opened", provider=provider, calls=calls, failures=failures, error=values["error"])
    return bool(state == ProviderCircuit.State.OPEN)


def _note_probe(provider: str, results: Sequence[SendResult]) -> bool:
    failed = [result for result in results if _is_failure(result)]
    if failed:
        fetch_all(_OPEN_LONGER, [_error(failed), provider])
        log.warning("circuit_stays_open", provider=provider, error=_error(failed))
    elif closed := fetch_all(_CLOSE, [provider]):
        log.warning("circuit_closed", provider=provider, opened_at=closed[0][0])
    return bool(failed)


def _calls(provider: str, messages: int) -> int:
    """What the calls that carried so many messages count."""
    carries = registry.get(provider).capabilities.calls_of
    return messages if carries == 1 else ceil(messages / carries) * LARGE_CALL


def _is_failure(result: SendResult) -> bool:
    """Whether the provider did not do its part. One that asks us to slow down, or refuses a message, is well."""
    return result.outcome in _FAILED and not result.throttled


def _error(failed: Sequence[SendResult]) -> str:
    return f"{failed[-1].error_code}: {failed[-1].detail}"[:500] if failed else ""


def _unburned(result: SendResult) -> SendResult:
    burns = result.outcome is Outcome.RETRY and not result.throttled
    return replace(result, outcome=Outcome.DOWN) if burns else result
