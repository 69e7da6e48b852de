"""The small run: one seed, nine faults. `bench/chaos.py --full` is the large one; a seed that it breaks becomes a test here."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from communications.tests.chaos.faults import named
from communications.tests.chaos.harness import Chaos
from communications.tests.chaos.invariants import gather, judge
from communications.tests.survival.rapport import ROOT

pytestmark = pytest.mark.timeout(600)

SMALL = (
    "sender killed",
    "PostgreSQL stopped",
    "Redis emptied",
    "killed after_claim",
    "killed after_accept",
    "killed before_settle",
    "killed after_journal",
    "killed after_fold",
    "killed mid_expand",
)


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    folder = Path(tempfile.mkdtemp(prefix="rapport-chaos-"))
    folder.chmod(0o755)
    chaos = Chaos(folder / "data", seed=20251122, rate=12, beats=2)
    try:
        chaos.begin()
        yield chaos
    finally:
        chaos.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_nothing_is_lost_doubled_or_mixed_up_whatever_dies(chaos: Chaos) -> None:
    chaos.run(named(SMALL), seconds=10, requests=150)
    assert len(chaos.load.promises.bulks) == 1
    assert sorted(struck.name for struck in chaos.struck) == sorted(SMALL)
    assert [
        f"{verdict.name}: {verdict.says}: {verdict.broken}" for verdict in judge(gather(chaos)) if not verdict.holds
    ] == []


def come_to_a_failpoint(data: Path, **env: str) -> int:
    """The exit code of a process that comes twice to the failpoint `here`."""
    code = "from communications.failpoints import failpoint; failpoint('here'); failpoint('there'); failpoint('here')"
    environment = {**os.environ, "RAPPORT_DATA": str(data), **env}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, timeout=60).returncode


def arm(data: Path, nth: str) -> None:
    (data / "failpoints").mkdir()
    (data / "failpoints" / "here").write_text(nth)


def test_a_failpoint_kills_one_process_once(tmp_path: Path) -> None:
    arm(tmp_path, "2")
    assert come_to_a_failpoint(tmp_path, RAPPORT_FAILPOINTS="1") == -signal.SIGKILL
    assert come_to_a_failpoint(tmp_path, RAPPORT_FAILPOINTS="1") == 0


def test_a_failpoint_kills_nobody_who_did_not_ask_for_failpoints(tmp_path: Path) -> None:
    arm(tmp_path, "")
    assert come_to_a_failpoint(tmp_path) == 0
    assert come_to_a_failpoint(tmp_path, RAPPORT_FAILPOINT="here") == -signal.SIGKILL
