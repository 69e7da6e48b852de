"""Named places where the chaos tests stop a process dead. Nothing happens unless the environment asks for it.

`RAPPORT_FAILPOINT=after_accept:3` kills a process (SIGKILL, as `kill -9` would) when it comes there the third time. With
`RAPPORT_FAILPOINTS=1` the file `$RAPPORT_DATA/failpoints/after_accept`, with the number in it, does it to a running system,
and only once: who removes the file dies, and what is started in its place lives.
"""

import os
import signal
from collections import Counter
from pathlib import Path

_AT_RUN_TIME = os.environ.get("RAPPORT_FAILPOINTS") == "1"
_FOLDER = Path(os.environ.get("RAPPORT_DATA", "."), "failpoints")
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    nth = _armed(name)
    if nth is None:
        return
    _passed[name] += 1
    if _passed[name] >= int(nth or 1) and _disarm(name):
        os.kill(os.getpid(), signal.SIGKILL)


def _armed(name: str) -> str | None:
    """At which time a process dies there, as it was written down; None where nobody does."""
    if not _AT_RUN_TIME:
        wanted, _, nth = os.environ.get("RAPPORT_FAILPOINT", "").partition(":")
        return nth if wanted == name else None
    try:
        return (_FOLDER / name).read_text()
    except FileNotFoundError:
        return None


def _disarm(name: str) -> bool:
    """Whether it is this process that dies: of several that come here together, one."""
    try:
        if _AT_RUN_TIME:
            (_FOLDER / name).unlink()
    except FileNotFoundError:
        return False
    return True
