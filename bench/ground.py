"""What every bench stands on: engines and data of its own, and how much of the machine it gets."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings.dev",
    "LOG_LEVEL": "ERROR",
    "DEBUG": "false",
}  # DEBUG keeps every query


@contextmanager
def own_engines() -> Iterator[None]:
    """Engines and data for this run alone."""
    from config import engines

    folder = Path(tempfile.mkdtemp(prefix="rapport-bench-"))
    folder.chmod(0o755)
    os.environ["RAPPORT_DATA"] = str(folder / "data")
    engines.attach_missing(folder / "data")
    try:
        yield
    finally:
        from django.db import connection

        from communications.providers import loop

        loop.close()
        connection.close()
        connection.close_pool()
        engines.detach(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)


def free_share() -> float:
    """The fraction of a core that a spinning process gets now: 1.0 on a quiet machine."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < 0.5:
        pass
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def memory_of(pid: int) -> float:
    """Resident memory of a process and of those it started, in MB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")), "0")
    return int(own) / 1024 + sum(memory_of(int(child)) for child in children)


def show(rows: Sequence[tuple[str, str]]) -> None:
    for name, figure in rows:
        print(f"{name:<52}{figure:>20}")
