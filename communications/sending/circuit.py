"""Whether a provider's calls are worth making: its circuit, one row, so that every process agrees.

Closed, it counts: twenty calls of which half failed within thirty seconds open it, and one "our account is refused" opens
it at once. Open, its batches are not claimed (see `claim`), until at `probe_at` one process may send one message; what
becomes of that closes the circuit, or opens it for twice as long, five minutes at most.
"""

import structlog

from communications.providers.base import Outcome

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 30
FEWEST_CALLS = 20
FIRST_PAUSE, LONGEST_PAUSE = 30, 300  # seconds until a probe

_FAILED = (Outcome.RETRY, Outcome.DOWN, Outcome.UNCERTAIN)
_MOST_SHIFTS = 10

_NOTE = f"""
INSERT INTO provider_circuits AS c
    (id, provider, state, window_at, calls, failures, openings, opened_at, probe_at, last_error, updated_ts)
SELECT %(id)s, %(provider)s, CASE WHEN opens THEN 'open' ELSE 'closed' END, at, %(calls)s, %(failures)s,
    CASE WHEN opens THEN 1 ELSE 0 END, CASE WHEN opens THEN at END,
    CASE WHEN opens THEN at + interval '{FIRST_PAUSE} seconds' END, %(error)s, at
FROM (SELECT clock_timestamp() AS at, %(down)s OR %(calls)s >= {FEWEST_CALLS} AND %(failures)s * 2 >= %(calls)s AS opens)
    AS first
ON CONFLICT (provider) DO UPDATE SET
    (state, window_at, calls, failures, openings, opened_at, probe_at, last_error, updated_ts) = (
    SELECT CASE WHEN opens THEN 'open' ELSE 'closed' END, window_at, calls, failures, openings,
        CASE WHEN opens THEN at ELSE c.opened_at END,
        CASE WHEN opens THEN at + make_interval(secs => least({LONGEST_PAUSE}, {FIRST_PAUSE} * 2 ^ (openings - 1))) END,
        CASE WHEN %(error)s = '' THEN c.last_error ELSE %(error)s END, at
    FROM (
)
RETURNING state
"""
