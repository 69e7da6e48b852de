"""A whole Rapport in real processes, with engines, ports and data of its own, to be hurt by the tests beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from hashlib import sha1
from hmac import new as hmac
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import psutil
import psycopg
from redis import Redis, RedisError

from communications.emulator.testing import Emulator
from config import engines

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[3]
AUTH_TOKEN = "emulator-auth-token-0000000000001"


class Rapport:
    def __init__(self, data: Path, **env: str) -> None:
        """`env`: what its processes see besides, or instead of what the tests need (short waits)."""
        self.data = data
        self.port = _free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        replaced = (
            "DATABASE_URL",
            "REDIS_URL",
            "PUBLIC_BASE_URL",
            "EMULATOR_URL",
            "TWILIO_BASE_URL",
            "DJANGO_SETTINGS_MODULE",
        )
        self.env = {name: value for name, value in os.environ.items() if name not in replaced}
        self.env |= {
            "RAPPORT_DATA": str(data),
            "PORT": str(self.port),
            "LOOKUP_AFTER_SECONDS": "3",
            "PROVIDER_TIMEOUT_SECONDS": "3",
            "SEND_LEASE_SECONDS": "10",
            "TICK_SECONDS": "1",
            "OVERDUE_SECONDS": "8",
            "LOG_LEVEL": "WARNING",
            **env,
        }
        self.emulator = Emulator(data / "emulator", self.env, self.port + 2)
        self.addresses = engines.addresses(data)

    def start(self, *, procfile: Path = ROOT / "Procfile") -> None:
        self._log = (self.data / "processes.log").open("w")
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "config.processes", "up", "--procfile", str(procfile)],
            cwd=ROOT, env=self.env, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.until("Rapport is ready", self._is_ready, seconds=240)
        self.until("the emulator answers", self.emulator.count, seconds=60)  # which Rapport itself does not wait for

    def stop(self) -> None:
        self._launcher.send_signal(signal.SIGTERM)
        self._launcher.wait(20)
        self._log.close()

    @contextmanager
    def nobody_mends(self) -> Iterator[None]:
        """The launcher stands still: what dies stays dead for as long."""
        self._launcher.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._launcher.send_signal(signal.SIGCONT)

    def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.addresses.database_url, autocommit=True) as connection:
            return connection.execute(statement, params).fetchall()  # type: ignore[arg-type]

    def redis(self) -> "Redis":
        return Redis.from_url(self.addresses.redis_url, socket_timeout=5)

    def django(self, code: str) -> str:
        """Run `code` in a process of Rapport's own; what it prints."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=150,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def get(self, path: str) -> tuple[int, str]:
        return _answer(urllib.request.Request(f"{self.url}{path}"))[:2]

    def post(self, path: str, values: dict[str, Any], headers: dict[str, str]) -> tuple[int, str]:
        """A request to the API, in JSON."""
        body, headers = json.dumps(values).encode(), {**headers, "Content-Type": "application/json"}
        return _answer(urllib.request.Request(f"{self.url}{path}", data=body, headers=headers))[:2]

    def webhook(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], float]:
        """Post a signed webhook: status, headers, seconds."""
        url = f"{self.url}{path}"
        text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        signature = b64encode(hmac(AUTH_TOKEN.encode(), text.encode(), sha1).digest()).decode()
        request = urllib.request.Request(url, data=urlencode(form).encode(), headers={"X-Twilio-Signature": signature})
        began = time.monotonic()
        status, _, headers = _answer(request)
        return status, headers, time.monotonic() - began

    def sms(self, sender: str, text: str, sid: str) -> tuple[int, dict[str, str], float]:
        form = {
            "MessageSid": sid,
            "From": sender,
            "To": "+15195550100",
            "Body": text,
            "NumMedia": "0",
            "NumSegments": "1",
        }
        return self.webhook("/api/webhooks/twilio/sms", form)

    def processes(self, *words: str) -> list[psutil.Process]:
        """This Rapport's processes whose command line has all `words`."""
        ours = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            line, environ = " ".join(process.info["cmdline"] or []), process.info["environ"] or {}
            if all(word in line for word in words) and environ.get("RAPPORT_DATA") == str(self.data):
                ours.append(process)
        return ours

    def engine(self, name: str) -> psutil.Process:
        """The main process of an engine: `postgres` or `valkey-server`."""
        for process in psutil.process_iter(["name", "cmdline", "cwd"]):
            line = " ".join(process.info["cmdline"] or [])
            if process.info["name"] == name and (
                str(self.data) in line or str(process.info["cwd"]).startswith(str(self.data))
            ):
                parent = process.parent()
                return parent if parent and parent.name() == name else process
        raise AssertionError(f"No {name} of {self.data} runs.")

    def _is_ready(self) -> bool:
        if self._launcher.poll() is not None:
            raise RuntimeError(f"The launcher gave up:\n{self._told()}")
        return self.get("/ready")[0] == 200

    def _told(self) -> str:
        """What the launcher itself said, and the last lines of everybody."""
        text = (self.data / "processes.log").read_text()
        return "\n".join([*(line for line in text.splitlines() if " rapport " in line), text[-2000:]])

    def until(self, what: str, look: Callable[[], T], *, seconds: float) -> T:
        """Wait for `look` to be true; a look that fails counts as not yet."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := look():
                    return found
            except (OSError, psycopg.Error, RedisError, AssertionError) as error:
                last: BaseException | None = error
            else:
                last = None
            assert time.monotonic() < end, f"{what}: not within {seconds} s ({last})\n{self._told()}"
            time.sleep(0.2)


def _answer(request: urllib.request.Request) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode(), _lower(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), _lower(error.headers)


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _free_ports() -> int:
    for port in range(21_000, 60_000, 10):
        try:
            for each in range(port, port + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
    raise AssertionError("no free ports")
