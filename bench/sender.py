"""One sender process of `bench/sending.py`: the product's own loop, told when to begin, telling where its time went.

python bench/sender.py PURPOSE  (RAPPORT_DATA and the providers' addresses in the environment)
"""

import json
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import django
import ground

django.setup()

from django.conf import settings

from communications.sending import run
from config.db import fetch_all

assert ground.ROOT  # it has told Python and Django where everything is
spent: dict[str, float] = defaultdict(float)


def timed(name: str) -> None:
    """Replace a step of the loop by itself with a clock around it. Lanes run at once, so only the shares mean something."""
    step = getattr(run, name)

    def with_clock(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return step(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - began

    setattr(run, name, with_clock)


def peak_mb() -> float:
    """Of this program alone: what `getrusage` tells begins with the size of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    settings.WAKE_WORKERS = False
    for step in ("claim_due", "waiting_rows", "allot", "prepare", "_call", "note", "settle", "finish"):
        timed(step)
    fetch_all("SELECT 1")
    print("ready", flush=True)
    sys.stdin.readline()
    spent.clear()
    cpu = time.process_time()
    run.send_in_lanes(sys.argv[1], lanes=settings.SEND_LANES, should_stop=lambda: False)
    print(
        json.dumps(
            {
                "steps": spent,
                "cpu": time.process_time() - cpu,
                "peak_mb": peak_mb(),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
