"""Named places where the chaos tests stop a process dead. Nothing happens unless the environment asks for it.

`RAPPORT_FAILPOINT=after_accept:3` kills a process (SIGKILL, as `kill -9` would) when it comes there the third time. With
`RAPPORT_FAILPOINTS=1` the same words in the file `$RAPPORT_DATA/failpoint` do it to a running system, and only once: who
removes the file dies, and what is started in its place lives.
"""

import os
import signal
from collections import Counter
from pathlib import Path

_FILE = Path(os.environ.get("RAPPORT_DATA", "."), "failpoint") if os.environ.get("RAPPORT_FAILPOINTS") == "1" else None
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    wanted, _, nth = _armed().partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] >= int(nth or 1) and _disarm():
        os.kill(os.getpid(), signal.SIGKILL)


def _armed() -> str:
    if _FILE is None:
        return os.environ.get("RAPPORT_FAILPOINT", "")
    try:
        return _FILE.read_text()
    except FileNotFoundError:
        return ""


def _disarm() -> bool:
    """Whether it is this process that dies: of several that come here together, one."""
    try:
        if _FILE is not None:
            _FILE.unlink()
    except FileNotFoundError:
        return False
    return True
