from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from communications.models import ProviderCircuit
from communications.providers.base import Outcome, SendResult
from communications.sending.circuit import Noted, Permit, note, permit
from communications.tests.engine_fixtures import at_once
from config.db import fetch_all

pytestmark = pytest.mark.django_db

TWILIO = "twilio"


def results(number: int, outcome: Outcome = Outcome.ACCEPTED, **values: Any) -> list[SendResult]:
    return [SendResult(reference=uuid7(), outcome=outcome, **values) for _ in range(number)]


def failures(number: int) -> list[SendResult]:
    return results(number, Outcome.RETRY, error_code="503", detail="Unavailable")


def circuit() -> ProviderCircuit:
    return ProviderCircuit.objects.get(provider=TWILIO)


def later(seconds: float) -> None:
    """As if so much time had passed."""
    fetch_all(
        """
        UPDATE provider_circuits AS c
        SET window_at = window_at - d.by, opened_at = opened_at - d.by, probe_at = probe_at - d.by
        FROM (SELECT make_interval(secs => %s) AS by) AS d
        """,
        [seconds],
    )


def seconds_to_probe() -> float:
    probe_at = circuit().probe_at
    assert probe_at
    return (probe_at - timezone.now()).total_seconds()


def test_a_provider_that_nobody_has_called_may_be_called() -> None:
    assert permit(TWILIO) is Permit.ALL


def test_twenty_calls_of_which_half_failed_open_it() -> None:
    assert not note(TWILIO, [*results(10), *failures(9)]).is_open
    assert permit(TWILIO) is Permit.ALL

    assert note(TWILIO, failures(1)).is_open

    assert (circuit().state, circuit().last_error) == ("open", "503: Unavailable")
    assert 25 < seconds_to_probe() <= 30
    assert permit(TWILIO) is Permit.NONE
    assert permit("sendgrid") is Permit.ALL


def test_fewer_than_twenty_calls_tell_nothing_and_fewer_than_half_are_weather() -> None:
    note(TWILIO, failures(19))
    later(30)
    note(TWILIO, [*results(101), *failures(99)])

    assert permit(TWILIO) is Permit.ALL


def test_failures_count_within_thirty_seconds_only() -> None:
    note(TWILIO, failures(15))
    later(30)
    note(TWILIO, failures(15))

    assert (circuit().state, circuit().calls, circuit().failures) == ("closed", 15, 15)


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.UNCERTAIN])
def test_no_answer_is_a_failure(outcome: Outcome) -> None:
    note(TWILIO, results(20, outcome))

    assert circuit().state == "open"


def test_a_refused_message_and_a_call_that_is_to_be_slower_are_none() -> None:
    note(TWILIO, results(500, Outcome.REJECTED))
    note(TWILIO, results(500, Outcome.RETRY, throttled=True))

    assert (circuit().state, circuit().failures) == ("closed", 0)


def test_a_call_that_carries_many_mails_counts_as_five() -> None:
    lost = results(1_000, Outcome.UNCERTAIN, error_code="no_answer")

    assert not note("sendgrid", results(2_500)).is_open  # three calls
    assert not note("sendgrid", lost).is_open
    assert not note("sendgrid", lost).is_open
    assert note("sendgrid", results(1, Outcome.UNCERTAIN)).is_open


def test_a_sender_that_stood_still_tells_of_the_calls_it_made_and_no_others() -> None:
    unsent = results(30, Outcome.RETRY, error_code="not_sent")

    assert note(TWILIO, unsent, in_time=False) == Noted(results=unsent)
    assert not ProviderCircuit.objects.exists()
    assert note(TWILIO, [*unsent, *results(20, Outcome.UNCERTAIN)], in_time=False).is_open
    assert circuit().calls == 20


def test_a_refused_account_opens_it_at_once() -> None:
    note(TWILIO, results(100))
    note(TWILIO, results(1, Outcome.DOWN, error_code="20003"))

    assert circuit().state == "open"


def test_at_an_open_circuit_a_failure_burns_no_attempt() -> None:
    mixed = [*failures(30), *results(1, Outcome.UNCERTAIN), *results(1, Outcome.RETRY, throttled=True)]

    assert [r.outcome for r in note(TWILIO, failures(3)).results] == [Outcome.RETRY] * 3
    noted = note(TWILIO, [*results(5), *mixed])

    settled = noted.results
    assert noted.is_open
    assert Counter(r.outcome for r in settled) == {
        Outcome.ACCEPTED: 5,
        Outcome.DOWN: 30,
        Outcome.UNCERTAIN: 1,
        Outcome.RETRY: 1,
    }
    assert [r.reference for r in settled[5:]] == [r.reference for r in mixed]
    assert [r.outcome for r in note(TWILIO, failures(3)).results] == [
        Outcome.DOWN
    ] * 3  # calls that were under way meanwhile


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_doubles_the_pause() -> None:
    note(TWILIO, failures(20))
    pauses = []
    for _ in range(6):
        later(300)
        assert permit(TWILIO) is Permit.PROBE
        assert permit(TWILIO) is Permit.NONE
        again = note(TWILIO, failures(1), probe=True)
        assert (again.is_open, again.results[0].outcome) == (True, Outcome.DOWN)
        pauses.append(round(seconds_to_probe() + 0.4))

    assert pauses == [60, 120, 240, 300, 300, 300]
    later(300)
    assert permit(TWILIO) is Permit.PROBE
    assert not note(TWILIO, results(1, Outcome.REJECTED), probe=True).is_open
    assert permit(TWILIO) is Permit.ALL
    assert (circuit().calls, circuit().failures, circuit().openings) == (0, 0, 0)


def test_a_probe_that_nobody_answers_for_is_given_again() -> None:
    note(TWILIO, failures(20))
    later(30)
    assert permit(TWILIO) is Permit.PROBE

    later(59)
    assert permit(TWILIO) is Permit.NONE
    later(1)
    assert permit(TWILIO) is Permit.PROBE


def test_the_answer_to_an_earlier_call_closes_nothing() -> None:
    note(TWILIO, failures(20))
    note(TWILIO, results(200))

    assert permit(TWILIO) is Permit.NONE


def test_opening_and_closing_is_logged_once() -> None:
    with capture_logs() as logs:
        note(TWILIO, failures(20))
        note(TWILIO, failures(20))
        later(30)
        permit(TWILIO)
        note(TWILIO, results(1), probe=True)

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("circuit_opened", "warning"),
        ("circuit_closed", "warning"),
    ]


def test_a_slice_costs_one_statement_and_no_calls_none() -> None:
    note(TWILIO, results(1))

    with CaptureQueriesContext(connection) as queries:
        note(TWILIO, results(200))
        assert note(TWILIO, []) == Noted(results=[])

    assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_that_come_at_once_one_gets_the_probe() -> None:
    for _ in range(10):
        ProviderCircuit.objects.all().delete()
        note(TWILIO, failures(20))
        later(30)

        permits = at_once(*[lambda: permit(TWILIO)] * 8)

        assert Counter(permits) == {Permit.PROBE: 1, Permit.NONE: 7}


@pytest.mark.django_db(transaction=True)
def test_workers_that_tell_at_once_are_all_heard() -> None:
    for _ in range(5):
        ProviderCircuit.objects.all().delete()

        at_once(*[lambda: note(TWILIO, [*results(10), *failures(5)])] * 8)

        assert (circuit().calls, circuit().failures) == (120, 40)


@dataclass
class Model:
    """What the circuit should be, in seconds since the run began."""

    now: int = 0
    window: int = 0
    calls: int = 0
    failed: int = 0
    probe: int | None = None  # when open
    openings: int = 0
    pauses: list[int] = field(default_factory=lambda: [30, 60, 120, 240, 300])

    def open(self) -> None:
        self.openings += 1
        self.probe = self.now + self.pauses[min(self.openings, 5) - 1]


class Circuits(RuleBasedStateMachine):
    """Time passes in tens of seconds, so that what a step itself takes never matters."""

    def __init__(self) -> None:
        super().__init__()
        ProviderCircuit.objects.all().delete()
        note(TWILIO, results(1, Outcome.REJECTED))
        self.model = Model(calls=1)
        self.probing = False

    @rule(tens=st.integers(1, 12))
    def time_passes(self, tens: int) -> None:
        later(tens * 10)
        self.model.now += tens * 10

    @rule(well=st.integers(0, 15), failed=st.integers(0, 15), refused=st.booleans() | st.just(False))
    def a_slice_is_told(self, well: int, failed: int, refused: bool) -> None:
        told = [*results(well), *failures(failed), *results(int(refused), Outcome.DOWN)]
        note(TWILIO, told)
        if not told:
            return
        model = self.model
        if model.now - model.window >= 30:
            model.window, model.calls, model.failed = model.now, 0, 0
        model.calls += len(told)
        model.failed += failed + refused
        if model.probe is None and (refused or (model.calls >= 20 and model.failed * 2 >= model.calls)):
            model.open()

    @rule()
    def somebody_asks(self) -> None:
        model = self.model
        match permit(TWILIO):
            case Permit.ALL:
                assert model.probe is None
            case Permit.NONE:
                assert model.probe is not None and model.now < model.probe
            case Permit.PROBE:
                assert model.probe is not None and model.now >= model.probe
                model.probe = model.now + model.pauses[min(model.openings + 1, 5) - 1]
                self.probing = True

    @precondition(lambda self: self.probing)
    @rule(outcome=st.sampled_from([*Outcome]))
    def the_probe_is_told(self, outcome: Outcome) -> None:
        note(TWILIO, results(1, outcome), probe=True)
        self.probing = False
        if outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            self.model = Model(now=self.model.now, window=self.model.now)
        else:
            self.model.open()

    @invariant()
    def the_row_says_the_same(self) -> None:
        row, model = circuit(), self.model
        assert (row.state == "open") is (model.probe is not None)
        assert (row.calls, row.failures, row.openings) == (model.calls, model.failed, model.openings)
        if model.probe is not None:
            assert abs(seconds_to_probe() - (model.probe - model.now)) < 9


def test_the_circuit_does_what_its_model_does() -> None:
    checks = settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Circuits, settings=checks)
