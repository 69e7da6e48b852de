"""What is done to a running Rapport, by name. Each returns when the fault is over; recovering is Rapport's own business."""

import signal
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TypeAlias

import psutil

from communications.tests.chaos.harness import PATIENCE, Chaos

Fault: TypeAlias = Callable[[Chaos], None]

_STANDSTILL = (11.0, 14.0)  # seconds: longer than a lease, so that what the frozen sender holds is taken from it
_AWAY = (2.0, 5.0)


def _sender_killed(chaos: Chaos) -> None:
    chaos.pause(0.3, 1.5)
    _signal(_sender(chaos), signal.SIGKILL)


def _sender_frozen(chaos: Chaos) -> None:
    chaos.pause(0.3, 1.5)
    frozen = _sender(chaos)
    _signal(frozen, signal.SIGSTOP)
    try:
        chaos.pause(*_STANDSTILL)
    finally:
        _signal(frozen, signal.SIGCONT)


def _redis_emptied(chaos: Chaos) -> None:
    chaos.pause(0.1, 0.5)
    chaos.rapport.redis().flushall()


def _redis_stopped(chaos: Chaos) -> None:
    chaos.rapport.engine("valkey-server").send_signal(signal.SIGKILL)


def _redis_frozen(chaos: Chaos) -> None:
    valkey = [chaos.rapport.engine("valkey-server")]
    _signal(valkey, signal.SIGSTOP)
    try:
        chaos.pause(*_AWAY)
    finally:
        _signal(valkey, signal.SIGCONT)


def _postgres_stopped(chaos: Chaos) -> None:
    chaos.pause(0.3, 1.0)
    chaos.rapport.engine("postgres").send_signal(signal.SIGKILL)
    chaos.rapport.until("PostgreSQL is back", lambda: chaos.rapport.sql("SELECT 1"), seconds=PATIENCE)


def _at_failpoint(chaos: Chaos, *, name: str) -> None:
    """The process dies at the failpoint the first or the second time it comes there."""
    chaos.arm(f"{name}:{chaos.random.randint(1, 2)}")

    def has_struck() -> bool:
        if chaos.is_armed():
            chaos.trickle()
        return not chaos.is_armed()

    chaos.rapport.until(f"{name} kills", has_struck, seconds=PATIENCE)


_FAILPOINTS = ("after_claim", "before_call", "after_accept", "before_settle", "after_journal", "after_fold")
FAULTS: dict[str, Fault] = {
    "sender killed": _sender_killed,
    "sender frozen": _sender_frozen,
    "Redis emptied": _redis_emptied,
    "Redis stopped": _redis_stopped,
    "Redis frozen": _redis_frozen,
    "PostgreSQL stopped": _postgres_stopped,
    **{f"killed {name}": partial(_at_failpoint, name=name) for name in _FAILPOINTS},
}


def plan(*, seed: int, rounds: int) -> list[tuple[str, Fault]]:
    """Every fault once a round, in an order of that round's own: no process dies so often that its supervisor gives up."""
    random, planned = Random(seed), []
    for _ in range(rounds):
        names = list(FAULTS)
        random.shuffle(names)
        planned += names
    return named(planned)


def named(names: Sequence[str]) -> list[tuple[str, Fault]]:
    return [(name, FAULTS[name]) for name in names]


def _sender(chaos: Chaos) -> list[psutil.Process]:
    """One of the two senders, with its pool."""
    which = chaos.random.choice(("sender@", "sender2@"))
    found: list[psutil.Process] = chaos.rapport.until(
        f"{which} runs", lambda: chaos.rapport.processes("celery", "transactional", which), seconds=PATIENCE
    )
    return found


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Whoever is gone meanwhile (the launcher replaces what does not answer) needs no signal."""
    for process in processes:
        if process.is_running():
            process.send_signal(number)
