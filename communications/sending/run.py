"""The sending loop of one sender process: claim, decide, write down, call, settle; then claim again."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from django.conf import settings
from django.db import connection

from communications.exceptions import ProviderFailure
from communications.failpoints import failpoint
from communications.providers import loop, registry
from communications.providers.base import Outcome, SendResult
from communications.providers.http import call_until
from communications.sending.circuit import Noted, note
from communications.sending.claim import Claim, claim_due, due_within, finish, put_off, release
from communications.sending.rates import allot, give_back
from communications.sending.settle import settle
from communications.sending.slices import Slice, Waiting, prepare, waiting_rows

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 0.1  # seconds
_OUTCOMES = {"retry": Outcome.RETRY, "down": Outcome.DOWN, "permanent": Outcome.REJECTED}


def send_due(purpose: str, *, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Send everything that is due for `purpose`; between slices it looks at `should_stop`. Returns how many calls were settled."""
    settled = 0
    while not should_stop() and (count := _send_claimed(purpose, should_stop)) is not None:
        settled += count
    return settled


def send_in_lanes(purpose: str, *, lanes: int, should_stop: Callable[[], bool]) -> None:
    """As `send_due`, on several threads: a call that hangs holds up its own slice, and the other lanes go on.

    A lane that finds nothing keeps looking as long as another one is busy, or something is due before the next tick: so a
    slow line is as fast as it may be. Raises what the first lane raised.
    """
    busy = [True] * lanes

    def work(lane: int) -> None:
        try:
            while not should_stop() and (busy[lane] or any(busy)):
                has_sent = _send_claimed(purpose, should_stop) is not None
                busy[lane] = has_sent or due_within(purpose, settings.TICK_SECONDS) is not None
                if not has_sent:
                    time.sleep(_LOOK_AGAIN)
        finally:
            busy[lane] = False
            loop.close()
            connection.close()

    with ThreadPoolExecutor(lanes, thread_name_prefix=f"lane-{purpose}") as threads:
        for done in [threads.submit(work, lane) for lane in range(lanes)]:
            done.result()


def _send_claimed(purpose: str, should_stop: Callable[[], bool]) -> int | None:
    """One claim, worked off: how many calls were settled, None when nothing was due."""
    claims = claim_due(purpose)
    if not claims:
        return None
    failpoint("after_claim")
    return _work_off(claims, should_stop)


def _work_off(claims: Sequence[Claim], should_stop: Callable[[], bool]) -> int:
    """Slice by slice, as fast as the lines allow; what may not leave now goes back to the queue."""
    settled, waiting, first = 0, waiting_rows(claims), claims[0]
    while waiting:
        if should_stop():
            release(claims)
            return settled
        part, waiting = waiting[: first.slice_rows], waiting[first.slice_rows :]
        share = allot(first.provider, [row.sender for row in part])
        noted = _send_slice(claims, [part[place] for place in share.places])
        settled += len(noted.results)
        if len(share.places) < len(part):
            put_off(claims, share.wait_seconds)
            return settled
        if noted.is_open or (first.probe and noted.results):
            put_off(claims, 0.0)  # the rest waits with the provider's other batches
            return settled
    finish(claims)
    return settled


def _send_slice(claims: Sequence[Claim], part: Sequence[Waiting]) -> Noted:
    # A sender that was paused must not begin calls that its lease would not outlive.
    until = time.monotonic() + settings.SEND_LEASE_SECONDS - settings.PROVIDER_TIMEOUT_SECONDS - 1
    provider, sent = claims[0].provider, prepare(claims, [row.id for row in part])
    leaving = {row.pk for row in sent.rows}
    give_back(provider, (row.sender for row in part if row.id not in leaving))
    if not sent.outbound:
        return Noted(results=())
    failpoint("before_call")
    results = _call(sent, until)
    noted = note(provider, results, probe=claims[0].probe, in_time=time.monotonic() <= until)
    failpoint("after_accept")
    settle(sent, noted.results)
    log.info("slice_settled", provider=provider, rows=len(noted.results))
    return noted


def _call(sent: Slice, until: float) -> list[SendResult]:
    provider = registry.get(sent.claims[0].provider)
    token = call_until.set(until)
    try:
        return loop.run(provider.send(sent.outbound))
    except ProviderFailure as failure:
        return [
            SendResult(
                reference=message.reference,
                outcome=_OUTCOMES[failure.kind],
                error_code=failure.code,
                detail=str(failure),
                retry_after=failure.retry_after,
            )
            for message in sent.outbound
        ]
    finally:
        call_until.reset(token)
