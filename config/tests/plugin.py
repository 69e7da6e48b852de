"""Loaded by pytest.ini: the tests' own engines are up before Django looks for its database.

Each process that runs tests (`-n`: one for each core) has a pair of engines to itself, so none sees another's keys or queues.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER:
    os.environ["RAPPORT_DATA"] = str(Path(os.environ["RAPPORT_DATA"]) / _WORKER)
else:
    os.environ.setdefault("RAPPORT_DATA", str(Path(__file__).resolve().parents[2] / ".data" / "test"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=5, help="cases for each operation of the API and each role")
    parser.addoption("--texts", type=int, default=50, help="hostile texts through each field of the API; 500 are all")


def pytest_configure(config: pytest.Config) -> None:
    from config import engines

    if _WORKER or not config.getoption("numprocesses"):
        engines.attach_missing(Path(os.environ["RAPPORT_DATA"]), small=True)


#: They start and kill whole installations of this checkout, each on the first ports that are free: one after the other.
_ALONE = ("/survival/", "/chaos/", "test_processes.py", "test_live_processes.py", "test_engines.py")


class ByFile(LoadScopeScheduling):
    """A file's tests in one process, and those of `_ALONE` all in the same (xdist's own groups do nothing under pytest 9)."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "alone" if any(name in path for name in _ALONE) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if shutil.which("chromium") or shutil.which("google-chrome"):
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    items[:] = [item for item in items if item not in left_out]
    config.stash[LEFT_OUT] = len(left_out)
    config.hook.pytest_deselected(items=left_out)


LEFT_OUT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(LEFT_OUT, 0)
    if left_out:
        terminalreporter.write_line(
            f"{left_out} browser tests were left out: install Debian's chromium to run them (apt-get install chromium).",
            yellow=True,
        )
