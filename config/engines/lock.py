"""Who uses the engines of a data folder, told by locks that the kernel lets go of when a process dies.

Every user holds a shared lock on `users.lock` for as long as it lives; even `kill -9` ends it. Whoever leaves tries to
make its lock exclusive: who succeeds was the last, and stops the engines. Starting and stopping happen under a second,
exclusive lock, `start.lock`, so nobody joins engines that are being stopped.

A lock belongs to the open file, which children of a fork share: they count as their parent's use, and only the
process that joined can leave. A child that attaches by itself counts by itself.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.engines.account import EnginesUnavailable, say, share_with_owner

_START_PATIENCE = 150.0  # a start may include PostgreSQL's recovery
_SPEAK_AFTER = 3.0
_held: dict[Path, tuple[int, int]] = {}  # data folder -> process, open file


@contextmanager
def starting(data: Path, patience: float = _START_PATIENCE) -> Iterator[None]:
    """Hold the right to start and stop the engines of `data`; raises EnginesUnavailable after `patience` seconds."""
    handle = _open(data / "start.lock")
    try:
        _wait_for(handle, data, patience)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, data: Path, patience: float) -> None:
    began, spoken = time.monotonic(), False
    while not _try(handle, fcntl.LOCK_EX):
        waited = time.monotonic() - began
        if waited > patience:
            raise EnginesUnavailable(f"Another process has been starting the engines in {data} for {waited:.0f} s.")
        if waited > _SPEAK_AFTER and not spoken:
            say(f"Waiting for another process that starts the engines in {data} ...")
            spoken = True
        time.sleep(0.05)


def join(data: Path) -> None:
    """Count this process as a user. To be called while `starting` is held."""
    if data in _held and _held[data][0] == os.getpid():
        return
    handle = _open(data / "users.lock")
    fcntl.flock(handle, fcntl.LOCK_SH)  # nobody holds it exclusively outside `starting`
    _held[data] = (os.getpid(), handle)


def joined(data: Path) -> bool:
    """Whether this very process is a user."""
    return data in _held and _held[data][0] == os.getpid()


def leave(data: Path, patience: float = 0.0) -> bool:
    """Stop being a user; True when none is left. Children that are just ending are waited for during `patience` seconds."""
    _, handle = _held.pop(data)
    until = time.monotonic() + patience
    try:
        while not (alone := _try(handle, fcntl.LOCK_EX)) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        os.close(handle)
    return alone


def _open(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EnginesUnavailable(f"{path} cannot be opened: {error.strerror}.") from error
    share_with_owner(path)
    return handle


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
