"""What every bench stands on: engines and data of its own, and how much of the machine it gets."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "LOG_LEVEL": "ERROR"}


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
