"""What is done to a running Rapport, by name, and in which stream: a stream's faults come one after the other."""

import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import Random

import psutil

from communications.tests.chaos.harness import Chaos, Fault
from communications.tests.chaos.load import PATIENCE

_STANDSTILL = (11.0, 14.0)  # seconds: longer than a lease, so that what the frozen sender holds is taken from it
_AWAY = (2.0, 5.0)
_BREATH = 13.0  # seconds between two deaths of senders: the launcher gives up on one that dies five times in a minute
_BULK = 100  # recipients


def _sender_killed(chaos: Chaos, random: Random) -> None:
    last = max((struck.at for struck in chaos.struck if struck.name == "sender killed"), default=0.0)
    time.sleep(max(0.0, last + _BREATH - time.time()))
    _signal(_sender(chaos, random), signal.SIGKILL)


def _sender_frozen(chaos: Chaos, random: Random) -> None:
    frozen = _sender(chaos, random)
    _signal(frozen, signal.SIGSTOP)
    try:
        _pause(random, *_STANDSTILL)
    finally:
        _signal(frozen, signal.SIGCONT)


def _redis_emptied(chaos: Chaos, random: Random) -> None:
    chaos.rapport.until("Redis is emptied", lambda: chaos.rapport.redis().flushall(), seconds=PATIENCE)


def _redis_stopped(chaos: Chaos, random: Random) -> None:
    _signal([_engine(chaos, "valkey-server")], signal.SIGKILL)
    chaos.rapport.until("Redis is back", lambda: chaos.rapport.redis().ping(), seconds=PATIENCE)


def _redis_frozen(chaos: Chaos, random: Random) -> None:
    valkey = [_engine(chaos, "valkey-server")]
    _signal(valkey, signal.SIGSTOP)
    try:
        _pause(random, *_AWAY)
    finally:
        _signal(valkey, signal.SIGCONT)


def _postgres_stopped(chaos: Chaos, random: Random) -> None:
    _signal([_engine(chaos, "postgres")], signal.SIGKILL)
    chaos.rapport.until("PostgreSQL is back", lambda: chaos.rapport.sql("SELECT 1"), seconds=PATIENCE)


def _at_failpoint(chaos: Chaos, random: Random, *, name: str) -> None:
    """A process dies at the failpoint the first or the second time it comes there."""
    chaos.arm(name, random.randint(1, 2))
    if name == "mid_expand":  # nobody comes there by the load alone
        chaos.load.bulk(_BULK)
    chaos.rapport.until(f"{name} kills", lambda: not chaos.is_armed(name), seconds=PATIENCE)


_SENDERS = {"sender killed": _sender_killed, "sender frozen": _sender_frozen}
_ENGINES = {
    "Redis emptied": _redis_emptied,
    "Redis stopped": _redis_stopped,
    "Redis frozen": _redis_frozen,
    "PostgreSQL stopped": _postgres_stopped,
}
_STREAM_OF_FAILPOINT = {
    "after_claim": "claiming",
    "before_call": "claiming",
    "after_accept": "settling",
    "before_settle": "settling",
    "after_journal": "web",
    "after_fold": "folding",
    "mid_expand": "expanding",
}
FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        *(Fault(name=name, stream="senders", strike=strike) for name, strike in _SENDERS.items()),
        *(Fault(name=name, stream="engines", strike=strike) for name, strike in _ENGINES.items()),
        *(
            Fault(name=f"killed {name}", stream=stream, strike=partial(_at_failpoint, name=name))
            for name, stream in _STREAM_OF_FAILPOINT.items()
        ),
    )
}


def plan(counts: Mapping[str, int], *, seed: int) -> dict[str, list[Fault]]:
    """Each fault so many times, each stream in an order of its own."""
    return named([name for name, times in counts.items() for _ in range(times)], shuffled=Random(f"{seed}/plan"))


def named(names: Iterable[str], *, shuffled: Random | None = None) -> dict[str, list[Fault]]:
    """These faults by stream, in this order or shuffled."""
    streams: dict[str, list[Fault]] = {}
    for name in names:
        streams.setdefault(FAULTS[name].stream, []).append(FAULTS[name])
    if shuffled:
        for faults in streams.values():
            shuffled.shuffle(faults)
    return streams


def _sender(chaos: Chaos, random: Random) -> list[psutil.Process]:
    """One of the two senders, with its pool."""
    which = random.choice(("sender@", "sender2@"))
    found: list[psutil.Process] = chaos.rapport.until(
        f"{which} runs", lambda: chaos.rapport.processes("celery", "transactional", which), seconds=PATIENCE
    )
    return found


def _engine(chaos: Chaos, name: str) -> psutil.Process:
    found: psutil.Process = chaos.rapport.until(f"{name} runs", lambda: chaos.rapport.engine(name), seconds=PATIENCE)
    return found


def _pause(random: Random, shortest: float, longest: float) -> None:
    time.sleep(random.uniform(shortest, longest))


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Whoever is gone meanwhile (the launcher replaces what does not answer) needs no signal."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
