"""Named places where the chaos tests stop a process dead. Nothing happens unless the environment names one.

`RAPPORT_FAILPOINT=after_accept:3` kills the process (SIGKILL, as `kill -9` would) when it comes there the third time.
"""

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    wanted, _, nth = os.environ.get("RAPPORT_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] >= int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
