import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.models import SenderLine
from communications.sending.rates import PAUSED_SECONDS, Allotment, Grant, allot, give_back, take
from communications.tests.engine_fixtures import at_once
from communications.tests.factories import SenderLineFactory
from config.db import fetch_all

pytestmark = pytest.mark.django_db

TWILIO, NUMBER = "twilio", "+15195550100"


def line(**values: Any) -> SenderLine:
    return SenderLineFactory(**{"provider": TWILIO, "sender": NUMBER, "tokens": values.get("burst", 1), **values})


def later(seconds: float) -> None:
    """As if so much time had passed."""
    fetch_all("UPDATE sender_lines SET tokens_at = tokens_at - make_interval(secs => %s)", [seconds])


def test_a_line_without_a_row_has_no_limit() -> None:
    line(sender="+15195550999")
    line(provider="sendgrid", sender="")

    assert take(TWILIO, NUMBER, 1_000) == Grant(granted=1_000)


def test_a_full_bucket_is_granted_and_then_only_what_time_brings() -> None:
    line(per_second="0.1", burst=5)

    assert take(TWILIO, NUMBER, 3) == Grant(granted=3)
    assert take(TWILIO, NUMBER, 3).granted == 2
    assert take(TWILIO, NUMBER, 3).granted == 0
    later(20)
    assert take(TWILIO, NUMBER, 3).granted == 2
    later(1_000)
    assert take(TWILIO, NUMBER, 9).granted == 5


def test_who_gets_less_is_told_when_it_is_worth_asking_again() -> None:
    line(per_second="0.1", burst=5)
    line(sender="+15195550200", per_second=50, burst=100)

    take(TWILIO, NUMBER, 5)
    assert take(TWILIO, NUMBER, 5).wait_seconds == pytest.approx(10, abs=1)  # one a time, as slow as it is
    take(TWILIO, "+15195550200", 100)
    assert 0 < take(TWILIO, "+15195550200", 500).wait_seconds <= 1  # about a second's worth


def test_a_line_of_its_own_goes_before_the_row_for_every_other() -> None:
    line(per_second="0.001", burst=2)
    line(sender="", per_second="0.001", burst=7)

    assert take(TWILIO, NUMBER, 10).granted == 2
    assert take(TWILIO, "+15195550300", 5).granted == 5
    assert take(TWILIO, "+15195550400", 5).granted == 2  # the others share one bucket


def test_a_paused_line_grants_nothing_and_is_asked_again_later() -> None:
    row = line(per_second=100, burst=100, paused=True)

    assert take(TWILIO, NUMBER, 5) == Grant(granted=0, wait_seconds=PAUSED_SECONDS)
    SenderLine.objects.filter(pk=row.pk).update(paused=False)
    assert take(TWILIO, NUMBER, 5) == Grant(granted=5)


def test_nothing_is_taken_for_nothing() -> None:
    line(burst=5)

    assert take(TWILIO, NUMBER, 0) == Grant(granted=0)
    assert SenderLine.objects.get().tokens == 5


def test_what_did_not_leave_is_given_back_and_the_bucket_does_not_run_over() -> None:
    line(per_second="0.001", burst=10)

    take(TWILIO, NUMBER, 10)
    give_back(TWILIO, [NUMBER] * 4)
    assert take(TWILIO, NUMBER, 10).granted == 4
    give_back(TWILIO, [NUMBER] * 40)
    assert take(TWILIO, NUMBER, 100).granted == 10
    give_back(TWILIO, ["+15195550999"])  # a line without a row


def test_a_clock_that_is_set_back_gives_and_costs_no_tokens() -> None:
    line(per_second="0.1", burst=5)
    later(-3_600)

    assert take(TWILIO, NUMBER, 3).granted == 3
    assert SenderLine.objects.get().tokens == 2


def test_a_lower_burst_takes_hold_at_once() -> None:
    row = line(per_second="0.001", burst=100)
    SenderLine.objects.filter(pk=row.pk).update(burst=3)

    assert take(TWILIO, NUMBER, 50).granted == 3


def test_a_slice_is_shared_out_by_line_in_its_order() -> None:
    line(per_second="0.1", burst=2)
    line(sender="+15195550200", per_second="0.5", burst=1)

    allotted = allot(TWILIO, [NUMBER, "+15195550200", NUMBER, NUMBER, "free", "+15195550200"])

    assert list(allotted.places) == [0, 1, 2, 4]
    assert allotted.wait_seconds == pytest.approx(2, abs=0.5)  # the line that is ready first
    assert allot(TWILIO, ["free", "free"]) == Allotment(places=[0, 1])


def test_tokens_for_a_whole_slice_cost_one_statement() -> None:
    line(per_second=100, burst=300)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        take(TWILIO, NUMBER, 256)

    assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_workers_together_get_what_time_brings_and_not_one_more() -> None:
    row = line(per_second=400, burst=10_000, tokens=0)
    until = time.monotonic() + 2

    def taker(wanted: int) -> Callable[[], int]:
        def take_what_there_is() -> int:
            taken = 0
            while time.monotonic() < until:
                grant = take(TWILIO, NUMBER, wanted)
                taken += grant.granted
                time.sleep(min(grant.wait_seconds, 0.01))
            return taken

        return take_what_there_is

    taken = sum(at_once(*[taker(wanted) for wanted in (1, 2, 3, 5, 8, 13, 21, 34)]))

    left = SenderLine.objects.get()
    assert taken > 0
    assert taken + left.tokens == pytest.approx(400 * (left.tokens_at - row.tokens_at).total_seconds(), abs=0.01)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_ask_at_once_for_the_last_tokens_each_token_goes_to_one() -> None:
    line(per_second="0.001", burst=100)

    for _ in range(5):
        SenderLine.objects.update(tokens=100)
        assert sum(grant.granted for grant in at_once(*[lambda: take(TWILIO, NUMBER, 30)] * 8)) == 100
