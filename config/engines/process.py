"""The engines as processes: find the living, start, wait, end.

A pid file only claims; the kernel knows. A process belongs to an engine when it runs the engine's program and works in
the engine's folder: both servers change into their data folder, and so does every child they fork. So a stale or
cut-off pid file and a reused pid cannot fool us.
"""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Protocol, TypedDict

import psutil

from config.engines.account import Account, EnginesUnavailable, say, share_with_owner

_PATIENCE = 120.0  # PostgreSQL's recovery after a crash may take long
_SILENCE = 10.0  # so long may a living server refuse every connection before it is ended
_SPEAK_AFTER = 5.0
_LAUNCHES = 4
_LOG_LIMIT = 5_000_000


class _Server(subprocess.Popen[bytes]):
    """A server may outlive the process that started it, so there is nothing to warn about when that one ends."""

    def __del__(self) -> None:
        return


_started: list[_Server] = []  # kept, so that the dead can be reaped


class State(Enum):
    """What an engine says when asked."""

    UP = auto()
    STARTING = auto()
    DOWN = auto()


class Engine(Protocol):
    """One of the two servers, in one data folder."""

    @property
    def title(self) -> str: ...
    @property
    def program(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def log(self) -> Path: ...
    def state(self) -> State: ...
    def launch(self, attempt: int) -> None: ...
    def stop(self, patience: float) -> None: ...


def bring_up(engine: Engine) -> None:
    """Start the engine unless it is up, and wait until it answers. Raises EnginesUnavailable."""
    began = heard = time.monotonic()
    launches, spoken = 0, False
    while (state := engine.state()) is not State.UP:
        now = time.monotonic()
        if state is State.STARTING:
            heard = now
        elif not living(engine.folder, engine.program):
            launches, heard = _launch(engine, launches), time.monotonic()
        elif now - heard > _SILENCE:
            engine.stop(patience=1.0)  # orphans of a killed server, or one that nobody can reach any more
        if now - began > _PATIENCE:
            raise EnginesUnavailable(f"{engine.title} did not answer within {_PATIENCE:.0f} s; see {engine.log}.")
        if now - began > _SPEAK_AFTER and not spoken:
            say(f"Waiting for {engine.title} to answer; recovery after a crash may take up to two minutes ...")
            spoken = True
        time.sleep(0.05)


def _launch(engine: Engine, launches: int) -> int:
    if launches == _LAUNCHES:
        raise EnginesUnavailable(f"{engine.title} does not start: {_last_line(engine.log)} (all of it: {engine.log})")
    time.sleep(min(launches, 2))  # what it was refused may be free in a moment
    engine.launch(launches + 1)
    return launches + 1


def spawn(command: Sequence[str | Path], *, cwd: Path, log: Path, account: Account | None) -> None:
    """Start a server in a session of its own, so that the terminal's Ctrl-C and hang-up do not reach it."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        share_with_owner(log)
        _started.append(
            _Server(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=clean_environment(),
                **identity(account),
            )
        )


class Identity(TypedDict, total=False):
    """Arguments that make a child process run as an account."""

    user: int
    group: int
    extra_groups: list[int]


def identity(account: Account | None) -> Identity:
    """None: as ourselves."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def clean_environment() -> dict[str, str]:
    """Ours without PGPORT, PGDATA and the like, which PostgreSQL's programs would obey, and in plain English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def living(folder: Path, program: str) -> list[psutil.Process]:
    """The processes of `program` that work in `folder`, zombies left out."""
    wanted = str(folder.resolve())
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.name() == program and process.cwd() == wanted and _is_alive(process):
                found.append(process)
    return found


def end(folder: Path, program: str, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal to the server (to all of its processes, when it is SIGKILL) and give it the seconds to be gone."""
    for number, seconds in steps:
        processes = living(folder, program)
        for process in processes if number is signal.SIGKILL else _servers(processes):
            with suppress(psutil.Error):
                process.send_signal(number)
        until = time.monotonic() + seconds
        while (processes := [process for process in processes if _is_alive(process)]) and time.monotonic() < until:
            time.sleep(0.02)
        if not processes:
            break
    _started[:] = [server for server in _started if server.poll() is None]


def _servers(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that no other one forked."""
    pids = {process.pid for process in processes}
    return [process for process in processes if _parent(process) not in pids]


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1].strip() if lines else "it says nothing"
