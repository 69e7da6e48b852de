"""The launcher: `python -m config.processes up` brings the engines, the migrations, the demo data and the processes of
the Procfile, and keeps them running in one terminal until Ctrl-C, SIGTERM or SIGHUP.
"""

import argparse
import fcntl
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import environ
from honcho.environ import parse_procfile

from config import engines
from config.engines.account import share_with_owner
from config.supervisor import Signals, Stopped, Supervisor, Terminal, end_leftovers

BASE_DIR = Path(__file__).resolve().parents[1]
_ENGINE_PATIENCE = 1.5  # five seconds for the children, this, and what follows it, stay below eight
_MAKES = ("make", "gmake")
_WATCH_EVERY = 2.0
_AS_ROOT = "ignore:You're running the worker with superuser privileges"  # Celery's eight lines about it, thrice
_LOGINS = "emily@rapport.test (agent) or admin@rapport.test (manager), password rapport-demo"


class CannotStart(RuntimeError):
    """Rapport cannot start. The text is one sentence for a person."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where this checkout's processes listen and keep their data. PORT is web's port, the others derive from it."""

    host: str
    ports: Mapping[str, int]  # by the name of the environment variable
    data: Path

    @classmethod
    def read(cls, values: Mapping[str, str]) -> "Layout":
        try:
            port = int(values.get("PORT") or 8000)
            ports = {"PORT": port, "LIVE_PORT": port + 1, "EMULATOR_PORT": port + 2}
            ports |= {name: int(values[name]) for name in ports if values.get(name)}
        except ValueError as error:
            raise CannotStart(f"PORT, LIVE_PORT and EMULATOR_PORT are numbers: {error}.") from error
        if not all(0 < number < 65536 for number in ports.values()) or len(set(ports.values())) < len(ports):
            raise CannotStart(f"The ports {', '.join(map(str, ports.values()))} cannot be used: choose another PORT.")
        data = Path(values.get("RAPPORT_DATA") or BASE_DIR / ".data").resolve()
        return cls(host=values.get("HOST") or "127.0.0.1", ports=ports, data=data)

    def environment(self) -> dict[str, str]:
        """What the commands of the Procfile see."""
        programs = str(Path(sys.executable).parent)
        ours = {name: str(port) for name, port in self.ports.items()}
        ours |= {"HOST": self.host, "RAPPORT_DATA": str(self.data), "PYTHONUNBUFFERED": "1"}
        ours |= {"PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS") or _AS_ROOT}
        return {**os.environ, **ours, "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])}

    def require_free_ports(self) -> None:
        try:
            taken = [f"{port} ({name})" for name, port in self.ports.items() if not _is_free(self.host, port)]
        except (PermissionError, socket.gaierror) as error:
            raise CannotStart(f"{self.host}, ports {self.ports['PORT']} and following: {error.strerror}.") from error
        if taken:
            free = next(p for p in range(self.ports["PORT"] + 100, 65000, 100) if _are_free(self.host, p))
            raise CannotStart(
                f"Another program uses port {' and '.join(taken)}: stop it, or choose other ports with PORT={free}."
            )

    def url(self, name: str = "PORT") -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.ports[name]}"


def _are_free(host: str, port: int) -> bool:
    return all(_is_free(host, number) for number in (port, port + 1, port + 2))


def _is_free(host: str, port: int) -> bool:
    """Whether we may bind it and nobody answers there: macOS also lets us bind beside a wildcard listener."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise
        except OSError:
            return False
    with socket.socket(family, kind, protocol) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) != 0


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the launcher's lock of this data folder; the kernel lets go of it when the launcher dies."""
    with (data / "up.lock").open("a+") as file:
        share_with_owner(data / "up.lock")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise CannotStart(f"Rapport is already up here: process {file.read().strip()} runs it.") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


class Launcher:
    """One `make up`: everything that is started here is ended here, in the opposite order."""

    def __init__(self, layout: Layout, *, procfile: Path, bare: bool) -> None:
        commands = dict(parse_procfile(procfile.read_text()).processes)
        self._layout, self._bare = layout, bare
        self._env = layout.environment()
        self._signals = Signals()
        self._terminal = Terminal(width=max(map(len, ("rapport", *commands))))
        self._supervisor = Supervisor(
            commands,
            env=self._env,
            cwd=BASE_DIR,
            ledger=layout.data / "processes.json",
            signals=self._signals,
            terminal=self._terminal,
        )
        self._parent, self._terminals = _parent(), _terminals()
        self._attached = False
        self._begun = False
        self._looked = 0.0
        self._announced = bare

    def run(self) -> int:
        try:
            with only_one(self._layout.data):
                code = self._run()
        except (CannotStart, engines.EnginesUnavailable) as error:
            self._terminal.line(str(error))
            code = 1
        if not self._terminal.drain(0.5):
            os._exit(code)  # the printing thread holds standard output, and Python would abort over it
        return code

    def _run(self) -> int:
        try:
            self._start()
            return self._supervisor.run(self._watch)
        except Stopped:
            return 0
        finally:
            self._signals.interruptible = False
            self._supervisor.stop()
            self._leave_engines()

    def _start(self) -> None:
        self._signals.interruptible = True
        if count := end_leftovers(self._layout.data / "processes.json"):
            self._terminal.line(f"Ended {count} processes that an earlier start had left behind")
        self._layout.require_free_ports()
        self._begun = True
        if not self._bare:
            self._attach()
            self._prepare()
        self._signals.interruptible = False

    def _attach(self) -> None:
        engines.attach(self._layout.data, **self._embedded())
        self._attached = True

    def _embedded(self) -> dict[str, bool]:
        return {"postgres": not os.environ.get("DATABASE_URL"), "valkey": not os.environ.get("REDIS_URL")}

    def _prepare(self) -> None:
        """Migrations and demo data, in one process: starting Django costs seconds."""
        for folder in ("beat", "emulator"):
            (self._layout.data / folder).mkdir(exist_ok=True)
            share_with_owner(self._layout.data / folder)
        command = [sys.executable, "-m", "config.processes", "prepare"]
        done = subprocess.run(
            command, check=False, env=self._env, cwd=BASE_DIR, stdin=subprocess.DEVNULL, start_new_session=True
        )
        if done.returncode:
            raise CannotStart("The migrations or the demo data failed: the lines above say why.")

    def _watch(self) -> None:
        """Start again engines that died, say once that web answers, and stop when nobody can stop us any more."""
        if self._is_deserted():
            raise Stopped
        if time.monotonic() - self._looked < (_WATCH_EVERY if self._announced else 0.5):
            return
        if not self._bare and not engines.are_up(self._layout.data, **self._embedded()):
            self._mend_engines()
        if not self._announced and self._web_answers():
            self._announced = True
            self._announce()
        self._looked = time.monotonic()

    def _is_deserted(self) -> bool:
        """The terminal closed, or `make` was killed or told to stop: it passes only SIGTERM on, and waits for us."""
        return _parent() != self._parent or _terminals() != self._terminals

    def _mend_engines(self) -> None:
        before = engines.addresses(self._layout.data)
        self._terminal.line("An engine is gone; starting it again")
        try:
            self._attach()
        except engines.EnginesUnavailable as error:
            self._terminal.line(str(error))
            return
        self._terminal.line("The engines are back")
        self._supervisor.forgive()
        if engines.addresses(self._layout.data) != before:
            self._supervisor.restart()

    def _web_answers(self) -> bool:
        address = self._layout.url().removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=1)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self) -> None:
        url = self._layout.url()
        for line in (
            "",
            f"Rapport is up   {url}/",
            f"Admin           {url}/admin/",
            f"API             {url}/api/docs",
            f"Emulator        {self._layout.url('EMULATOR_PORT')}/",
            f"Sign in as      {_LOGINS}",
            "Ctrl-C stops everything.",
            "",
        ):
            self._terminal.line(line or " ")

    def _leave_engines(self) -> None:
        """The last thing that is said, so that whoever waits for it knows that nothing is left."""
        stopped = engines.detach(self._layout.data, patience=_ENGINE_PATIENCE, wait_for_others=0.3)
        stay = self._attached and not stopped
        if not self._begun:
            return
        self._terminal.line("Stopped; the engines stay, another process uses them" if stay else "Stopped")


def _parent() -> tuple[int, int] | None:
    """When `make` runs us: its pid and, on Linux, which of SIGHUP, SIGINT, SIGQUIT it is handling just now.

    Another program below `make` that starts us blocks them now and then (Python does, for each process that it starts).
    """
    if "MAKELEVEL" not in os.environ:
        return None
    with suppress(OSError, KeyError, ValueError):
        lines = Path(f"/proc/{os.getppid()}/status").read_text().splitlines()
        facts = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if facts["Name"] in _MAKES:
            return os.getppid(), int(facts["SigBlk"], 16) & 0b111
    return os.getppid(), 0


def _terminals() -> list[int]:
    """Those of the standard streams that are a terminal which is still there."""
    return [handle for handle in (0, 1, 2) if os.isatty(handle)]


def prepare() -> int:
    """Bring the database and the demo data up to date."""
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 1
    call_command("migrate", interactive=False, verbosity=1)
    if settings.DEMO_DATA:
        call_command("seed_demo")
    return 0


def up(arguments: argparse.Namespace) -> int:
    """Everything that `make up` does; returns the exit code."""
    environ.Env.read_env(BASE_DIR / ".env")
    try:
        layout = Layout.read(os.environ)
        engines.addresses(layout.data)  # makes the data folder
        return Launcher(layout, procfile=arguments.procfile, bare=arguments.bare).run()
    except (CannotStart, engines.EnginesUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m config.processes", description="Run Rapport's processes.")
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("up", help="engines, migrations, demo data, and the processes of the Procfile")
    runner.add_argument("--procfile", type=Path, default=BASE_DIR / "Procfile")
    runner.add_argument("--bare", action="store_true", help="the processes alone: no engines, migrations or demo data")
    commands.add_parser("prepare", help="migrations and demo data")
    arguments = parser.parse_args()
    return prepare() if arguments.command == "prepare" else up(arguments)


if __name__ == "__main__":
    sys.exit(main())
