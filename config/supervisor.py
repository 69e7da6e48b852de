"""Runs the commands of a Procfile: coloured and prefixed output, the dead started again, everything ended at a signal.

Every child leads a session and process group of its own. So the terminal's Ctrl-C reaches only the launcher, and ending
a child means ending its whole group: the workers of a killed web server would keep its port.
Pids and start times are written down, so that the next start can end what a `kill -9` of the launcher left behind.
"""

import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Popen

_TICK = 0.1
_KILL_AFTER = 5.0
_DEATHS, _WITHIN = 5, 60.0
_SAME_START = 2.0  # seconds that a start time may seem to move when the machine's clock is set
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_MOST_LINES = 20_000


class Stopped(BaseException):  # like KeyboardInterrupt, so that no `except Exception` swallows it
    """A signal told the launcher to stop while it was starting or mending something."""


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP as a count. While `interruptible`, the first one also raises Stopped."""

    def __init__(self) -> None:
        self.count = 0
        self.interruptible = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if not (number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN):  # nohup asked for that
                signal.signal(number, self._receive)

    def _receive(self, *_: object) -> None:
        self.count += 1
        if self.interruptible:
            self.interruptible = False
            raise Stopped


class Terminal:
    """Standard output, written by a thread of its own: a terminal that is closed or stands still stops nothing else."""

    def __init__(self, width: int) -> None:
        self._lines: queue.Queue[Message] = queue.Queue()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self._printer = Printer(sys.stdout, width=width)
        self._thread = threading.Thread(target=self._print, daemon=True)
        self._thread.start()

    def line(self, text: str | bytes, *, name: str = "rapport", colour: str | None = None) -> None:
        if self._lines.qsize() < _MOST_LINES:
            self._lines.put(Message(type="line", data=text, time=datetime.now().astimezone(), name=name, colour=colour))

    def _print(self) -> None:
        while True:
            message = self._lines.get()
            try:
                self._printer.write(message)
            except (OSError, ValueError):  # the terminal is gone; Python's own flush at exit must not fail either
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            finally:
                self._lines.task_done()

    def drain(self, seconds: float) -> bool:
        """Wait until everything is printed, at most `seconds`; whether it is."""
        until = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.02)
        return not self._lines.unfinished_tasks


@dataclass(kw_only=True)
class Child:
    """One command of the Procfile and, while it runs, its process."""

    name: str
    command: str
    colour: str
    process: Popen | None = None
    began: float = 0.0
    due: float = 0.0  # when to start it, while it does not run
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_DEATHS))

    def signal(self, number: signal.Signals) -> None:
        if self.process:
            with suppress(OSError):
                os.killpg(self.process.pid, number)

    def died(self) -> int | None:
        """The exit code, once; the rest of the group is ended with it."""
        code = self.process.poll() if self.process else None
        if code is not None:
            self.signal(signal.SIGKILL)
            self.process = None
            self.deaths.append(time.monotonic())
        return code

    def pause(self) -> float:
        """Seconds to wait before the next start; grows with the deaths of the last minute."""
        return float(min(_FIRST_PAUSE * 2 ** (self._recent_deaths() - 1), _LONGEST_PAUSE))

    def hopeless(self) -> bool:
        return self._recent_deaths() >= _DEATHS

    def _recent_deaths(self) -> int:
        return sum(time.monotonic() - death < _WITHIN for death in self.deaths)


class Supervisor:
    """Keeps the children running until a signal comes or one of them is hopeless."""

    def __init__(
        self,
        commands: Mapping[str, str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        ledger: Path,
        signals: Signals,
        terminal: Terminal,
    ) -> None:
        colours = get_colours()
        self.children = [Child(name=name, command=cmd, colour=next(colours)) for name, cmd in commands.items()]
        self._env, self._cwd, self._ledger = env, cwd, ledger
        self._signals, self._terminal = signals, terminal

    def run(self, watch: Callable[[], None]) -> int:
        """Run until told to stop; `watch` is called all the time. Returns the exit code: 0 after a signal, else 1."""
        hopeless = None
        while not self._signals.count and not hopeless:
            self._tend()
            hopeless = next((child for child in self.children if child.hopeless()), None)
            self._watch(watch)
            time.sleep(_TICK)
        if hopeless:
            self._say(f"{hopeless.name} died {_DEATHS} times within a minute, so Rapport stops: its lines say why.")
        return 1 if hopeless else 0

    def restart(self) -> None:
        """End every child; each is started again, and none of it counts as a death."""
        for child in self.children:
            child.signal(signal.SIGTERM)
            child.deaths.clear()

    def forgive(self) -> None:
        """Forget the deaths so far: something else was the reason."""
        for child in self.children:
            child.deaths.clear()

    def stop(self) -> None:
        """End all children: SIGTERM, and SIGKILL after five seconds or at a second signal."""
        running = [child for child in self.children if child.process]
        if running:
            self._say("Stopping ...")
        for child in running:
            child.signal(signal.SIGTERM)
        until, count = time.monotonic() + _KILL_AFTER, max(self._signals.count, 1)
        while self._still_running() and time.monotonic() < until and self._signals.count <= count:
            time.sleep(0.02)
        for child in self._still_running():
            self._say(f"{child.name} did not end in time and is killed")
            child.signal(signal.SIGKILL)
        until = time.monotonic() + 1.0
        while self._still_running() and time.monotonic() < until:
            time.sleep(0.02)
        self._ledger.unlink(missing_ok=True)

    def _still_running(self) -> list[Child]:
        return [child for child in self.children if child.process and child.died() is None]

    def _watch(self, watch: Callable[[], None]) -> None:
        self._signals.interruptible = not self._signals.count
        try:
            watch()
        except Stopped:
            self._signals.count = max(self._signals.count, 1)
        finally:
            self._signals.interruptible = False

    def _tend(self) -> None:
        for child in self.children:
            if (code := child.died()) is not None:
                child.due = time.monotonic() + child.pause()
                self._say(f"{child.name} {_ending(code)}; starting it again in {child.pause():g} s")
            if child.process is None and time.monotonic() >= child.due and not child.hopeless():
                self._start(child)

    def _start(self, child: Child) -> None:
        child.process = Popen(child.command, env=self._env, cwd=self._cwd)
        with suppress(psutil.Error):
            child.began = psutil.Process(child.process.pid).create_time()
        self._write_ledger()
        threading.Thread(target=self._relay, args=(child, child.process), daemon=True).start()

    def _relay(self, child: Child, process: Popen) -> None:
        with process.stdout as lines:
            for line in lines:
                self._terminal.line(line, name=child.name, colour=child.colour)

    def _write_ledger(self) -> None:
        facts = [[child.process.pid, child.began] for child in self.children if child.process]
        draft = self._ledger.with_suffix(".new")
        draft.write_text(json.dumps(facts))
        draft.replace(self._ledger)

    def _say(self, text: str) -> None:
        self._terminal.line(text)


def end_leftovers(ledger: Path) -> int:
    """End what an earlier launcher, killed itself, left running. Returns how many processes that were.

    A process is left over when it belongs to a session that the ledger names and that session's leader, if it lives,
    began when the ledger says: the kernel gives no pid away that is still a session's, so a reused pid is never killed.
    """
    try:
        sessions = {int(pid): float(began) for pid, began in json.loads(ledger.read_text())}
    except (OSError, ValueError, TypeError):  # none, or cut off
        return 0
    found = [process for process in psutil.process_iter() if _is_left_over(process, sessions)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(found, timeout=3.0)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=2.0)
    ledger.unlink(missing_ok=True)
    return len(found)


def _is_left_over(process: psutil.Process, sessions: Mapping[int, float]) -> bool:
    try:
        leader = os.getsid(process.pid)
        if leader not in sessions or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() > sessions[leader] - _SAME_START and _began(leader, sessions[leader])
    except (psutil.Error, OSError):
        return False


def _began(leader: int, when: float) -> bool:
    try:
        began: float = psutil.Process(leader).create_time()
    except psutil.NoSuchProcess:
        return True
    return abs(began - when) < _SAME_START


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
