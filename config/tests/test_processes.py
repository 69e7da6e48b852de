"""The launcher with small Procfiles of sleepers, in data folders of its own."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from config.processes import BASE_DIR, CannotStart, Layout
from config.supervisor import end_leftovers

MOST_SECONDS = 8.0


def free_port() -> int:
    """The first of three free ports in a row."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with suppress(OSError), socket.socket() as second, socket.socket() as third:
            second.bind(("127.0.0.1", port + 1))
            third.bind(("127.0.0.1", port + 2))
            return port


def hang_up_is_heard() -> None:
    """Tests that run under nohup hand an ignored SIGHUP down, and the launcher honours that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Run:
    """A running launcher whose output is kept in a file."""

    def __init__(self, folder: Path, procfile: str, **options: object) -> None:
        self.folder, self.log = folder, folder / f"output-{time.monotonic_ns()}"
        (folder / "Procfile").write_text(procfile)
        command = [sys.executable, "-m", "config.processes", "up", "--bare", "--procfile", folder / "Procfile"]
        env = {**os.environ, "PORT": str(free_port()), "RAPPORT_DATA": str(folder / "data"), "PROBE": str(folder)}
        env.pop("LIVE_PORT", None)
        env.pop("EMULATOR_PORT", None)
        env.pop("MAKELEVEL", None)
        env |= options.pop("env", {})
        with self.log.open("wb") as output:
            options = {"stdout": output, "stderr": subprocess.STDOUT, "start_new_session": True, **options}
            options.setdefault("preexec_fn", hang_up_is_heard)
            self.process = subprocess.Popen(command, cwd=BASE_DIR, env=env, **options)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def pids(self, name: str) -> list[int]:
        """What the processes named `name` wrote down about themselves, oldest first."""
        file = self.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def pid(self, name: str, nth: int = 0) -> int:
        until(lambda: len(self.pids(name)) > nth)
        return self.pids(name)[nth]

    def end(self, number: signal.Signals) -> float:
        """Send the signal; seconds until the launcher is gone."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - began


@contextmanager
def running(folder: Path, procfile: str, **options: object) -> Iterator[Run]:
    run = Run(folder, procfile, **options)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)
        end_leftovers(folder / "data" / "processes.json")


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def sleeper(name: str) -> str:
    """A process that writes its pid down and sleeps."""
    return f'{name}: echo $$ >> "$PROBE/{name}"; exec sleep 300\n'


def stubborn(name: str) -> str:
    """One that ignores SIGTERM, with a child that does, too."""
    return f'{name}: trap "" TERM; sleep 300 & echo $! >> "$PROBE/{name}-child"; echo $$ >> "$PROBE/{name}"; wait\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(tmp_path, number):
    with running(tmp_path, sleeper("one") + sleeper("two")) as run:
        pids = [run.pid("one"), run.pid("two")]

        run.end(number)

        assert not any(alive(pid) for pid in pids)
        assert run.process.returncode == 0
        assert run.output.rstrip().endswith("Stopped")


def test_a_child_that_does_not_obey_is_killed_in_time(tmp_path):
    with running(tmp_path, sleeper("one") + stubborn("two")) as run:
        pids = [run.pid("one"), run.pid("two"), run.pid("two-child")]

        seconds = run.end(signal.SIGINT)

        assert seconds < MOST_SECONDS
        assert not any(alive(pid) for pid in pids)
        assert "two did not end in time and is killed" in run.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_done_to_make_alone_stops_everything_too(tmp_path, number):
    arguments = f"-m config.processes up --bare --procfile {tmp_path / 'Procfile'}"
    (tmp_path / "Procfile").write_text(sleeper("one"))
    (tmp_path / "Makefile").write_text(f"up:\n\t@exec {sys.executable} {arguments}\n")
    env = {**os.environ, "PORT": str(free_port()), "RAPPORT_DATA": str(tmp_path / "data"), "PROBE": str(tmp_path)}
    command = ["make", "-f", str(tmp_path / "Makefile"), "up"]
    with subprocess.Popen(command, cwd=BASE_DIR, env=env, start_new_session=True, stderr=subprocess.DEVNULL) as make:
        until((tmp_path / "one").exists)
        time.sleep(0.3)  # the launcher looks at make's state from its first moment on

        make.send_signal(number)

        until(lambda: not alive(int((tmp_path / "one").read_text())), MOST_SECONDS)


def test_a_program_below_make_that_blocks_signals_for_a_moment_stops_nothing(tmp_path):
    with running(tmp_path, sleeper("one"), env={"MAKELEVEL": "1"}) as run:  # as in `make test`
        pid = run.pid("one")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            time.sleep(1.0)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

        assert alive(pid) and "Stopping" not in run.output


def test_a_second_ctrl_c_hurries_and_leaves_nothing(tmp_path):
    with running(tmp_path, stubborn("one")) as run:
        pids = [run.pid("one"), run.pid("one-child")]
        run.process.send_signal(signal.SIGINT)
        until(lambda: "Stopping" in run.output)

        run.end(signal.SIGINT)

        assert not any(alive(pid) for pid in pids)


def test_a_child_that_dies_is_started_again_and_the_rest_of_its_group_ended(tmp_path):
    with running(tmp_path, stubborn("one") + sleeper("two")) as run:
        child, other = run.pid("one-child"), run.pid("two")
        os.kill(run.pid("one"), signal.SIGKILL)

        again = run.pid("one", 1)

        assert alive(again)
        assert not alive(child)
        assert run.pids("two") == [other]
        assert "one was killed by signal 9; starting it again" in run.output


def test_a_child_that_keeps_dying_ends_everything_with_a_sentence(tmp_path):
    with running(tmp_path, "one: echo the reason; exit 3\n" + sleeper("two")) as run:
        run.process.wait(40)

        assert run.process.returncode == 1
        assert "one died 5 times within a minute, so Rapport stops" in run.output
        assert "the reason" in run.output
        assert not alive(run.pid("two"))


def test_what_a_killed_launcher_left_behind_is_ended_by_the_next(tmp_path):
    with running(tmp_path, sleeper("one") + stubborn("two")) as first:
        left = [first.pid("one"), first.pid("two"), first.pid("two-child")]
        first.process.kill()
        first.process.wait(10)
        assert all(alive(pid) for pid in left)

        with running(tmp_path, sleeper("one")) as second:
            second.pid("one", 1)

            assert not any(alive(pid) for pid in left)
            assert "that an earlier start had left behind" in second.output


def test_a_reused_pid_is_not_killed(tmp_path):
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        ledger = tmp_path / "processes.json"
        ledger.write_text(f"[[{stranger.pid}, {time.time() - 3600}]]")

        assert end_leftovers(ledger) == 0
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "[[12", "[[null, 3]]", '{"a": 1}'])
def test_a_cut_off_ledger_is_no_hindrance(tmp_path, text):
    (tmp_path / "processes.json").write_text(text)

    assert end_leftovers(tmp_path / "processes.json") == 0


def test_a_second_launcher_in_the_same_checkout_names_the_first(tmp_path):
    with running(tmp_path, sleeper("one")) as first:
        first.pid("one")
        with running(tmp_path, sleeper("one")) as second:
            second.process.wait(20)

            assert f"Rapport is already up here: process {first.process.pid} runs it." in second.output
            assert len(first.pids("one")) == 1


def test_a_port_in_use_gets_one_sentence_that_names_a_way_out(tmp_path):
    with socket.socket() as foreign:
        port = free_port()
        foreign.bind(("127.0.0.1", port + 1))
        foreign.listen()
        with running(tmp_path, sleeper("one"), env={"PORT": str(port)}) as run:
            run.process.wait(20)

            assert run.process.returncode == 1
            assert re.search(rf"Another program uses port {port + 1} \(LIVE_PORT\): .* PORT=\d+", run.output)
            assert not run.pids("one")


def test_a_closed_terminal_stops_everything(tmp_path):
    ours, theirs = pty.openpty()
    with running(tmp_path, sleeper("one") + "two: while :; do echo line; sleep 0.1; done\n", stdout=theirs) as run:
        os.close(theirs)
        pid = run.pid("one")

        os.close(ours)  # output fails from now on, and nobody sends SIGHUP: that went to the session's leader
        run.process.wait(MOST_SECONDS)

        assert run.process.returncode == 0
        assert not alive(pid)


def test_a_terminal_that_stands_still_does_not_keep_it_from_stopping(tmp_path):
    reader, writer = os.pipe()
    with running(tmp_path, sleeper("one") + "two: yes full\n", stdout=writer) as run:
        pid = run.pid("one")
        time.sleep(0.5)  # the pipe is full, nobody reads

        seconds = run.end(signal.SIGTERM)

        assert seconds < MOST_SECONDS
        assert not alive(pid)
    os.close(reader)
    os.close(writer)


def test_output_is_prefixed_with_time_and_name(tmp_path):
    with running(tmp_path, "talker: echo hello; exec sleep 300\n") as run:
        until(lambda: "hello" in run.output)

        assert re.search(r"^\d\d:\d\d:\d\d talker +\| hello$", run.output, re.MULTILINE)


def test_the_commands_see_their_ports_and_the_virtual_environment_first(tmp_path):
    port = free_port()
    command = 'one: echo "$PORT $LIVE_PORT $EMULATOR_PORT $RAPPORT_DATA $PATH"; exec sleep 300\n'
    with running(tmp_path, command, env={"PORT": str(port)}) as run:
        until(lambda: str(port) in run.output)

        programs = Path(sys.executable).parent
        assert f"{port} {port + 1} {port + 2} {tmp_path / 'data'} {programs}:" in run.output


@pytest.mark.parametrize("port", ["http", "0", "65534", "-1"])
def test_a_port_that_is_none_is_refused_in_one_sentence(port):
    with pytest.raises(CannotStart, match="PORT"):
        Layout.read({"PORT": port})


def test_ports_derive_from_port_unless_given():
    layout = Layout.read({"PORT": "9000", "EMULATOR_PORT": "9500"})

    assert layout.ports == {"PORT": 9000, "LIVE_PORT": 9001, "EMULATOR_PORT": 9500}


def test_every_command_of_the_procfile_replaces_its_shell():
    lines = (BASE_DIR / "Procfile").read_text().splitlines()

    assert lines
    assert all(re.match(r"^[a-z]+: exec ", line) for line in lines)
