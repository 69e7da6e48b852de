"""The embedded PostgreSQL and Valkey: where they are, using them, leaving them.

Settings ask for `addresses`, which starts nothing. A process that will talk to the engines calls `attach_missing` (or
`attach`) once: what is down is started, and the process counts as a user until it ends. The last user stops them.
Each engine is replaced by setting DATABASE_URL or REDIS_URL.
"""

import atexit
import os
from dataclasses import dataclass
from pathlib import Path

from config.engines import lock
from config.engines.account import EnginesUnavailable, engine_account, make_data_folder
from config.engines.postgres import Postgres, database_url
from config.engines.process import Engine, State, bring_up
from config.engines.valkey import Valkey, address

__all__ = ["Engines", "EnginesUnavailable", "addresses", "are_up", "attach", "attach_missing", "detach"]


@dataclass(frozen=True, kw_only=True)
class Engines:
    """The addresses of both engines."""

    database_url: str
    redis_url: str


def addresses(data: Path) -> Engines:
    """Where the engines of this data folder are, or will be. Starts nothing; chooses Valkey's address at the first call."""
    data = data.resolve()
    make_data_folder(data)
    return Engines(database_url=database_url(data), redis_url=address(data).url)


def attach(data: Path, *, postgres: bool = True, valkey: bool = True, small: bool = False) -> Engines:
    """Start what is down, wait until it answers, count this process as a user until it ends.

    `small` gives PostgreSQL the settings of a test run, if this call starts it. Repeating the call starts again what
    has died. Raises EnginesUnavailable, whose text is one sentence for a person.
    """
    data = data.resolve()
    make_data_folder(data)
    new = not lock.joined(data)
    try:
        with lock.starting(data):
            lock.join(data)
            for engine in _engines(data, postgres=postgres, valkey=valkey, small=small):
                bring_up(engine)
    except BaseException as error:
        if new:
            detach(data)
        if isinstance(error, OSError):
            raise EnginesUnavailable(f"The engines in {data} cannot be started: {error}.") from error
        raise
    if new:
        atexit.register(detach, data)
    return addresses(data)


def attach_missing(data: Path, *, small: bool = False) -> None:
    """Attach the engines that DATABASE_URL and REDIS_URL do not replace: the one call that each process makes."""
    postgres, valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    if postgres or valkey:
        attach(data, postgres=postgres, valkey=valkey, small=small)


def are_up(data: Path, *, postgres: bool = True, valkey: bool = True) -> bool:
    """Whether these engines answer now."""
    return all(e.state() is State.UP for e in _engines(data.resolve(), postgres=postgres, valkey=valkey))


def detach(data: Path, *, patience: float = 10.0, wait_for_others: float = 0.0) -> bool:
    """Stop being a user; the last one stops the engines. True when they were stopped.

    `patience` is how many seconds PostgreSQL has for an orderly stop; `wait_for_others` how long to wait for users
    that are just ending. Changes nothing when this process is no user.
    """
    data = data.resolve()
    if not lock.joined(data):
        return False
    try:
        with lock.starting(data, patience):
            if not lock.leave(data, wait_for_others):
                return False
            for engine in reversed(_engines(data)):
                engine.stop(patience)
    except EnginesUnavailable:  # somebody else is starting them, and needs them
        lock.leave(data)
        return False
    return True


def _engines(data: Path, *, postgres: bool = True, valkey: bool = True, small: bool = False) -> list[Engine]:
    account = engine_account()
    engines: list[Engine] = []
    if postgres:
        engines.append(Postgres(data=data, account=account, small=small))
    if valkey:
        engines.append(Valkey(data=data, account=account))
    return engines
