"""The door for tests, the demo and the benches: an emulator process to hold in the hand. Standard library only.

with running_emulator(tmp_path, EMULATOR_INBOUND_SMS_URL=url) as emulator:
    emulator.faults("accept_then_drop", times=1)
    ...
    assert emulator.duplicates() == []
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from communications.emulator.config import Settings

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 5.0
CALL_SECONDS = 60.0
# Status callbacks go where each message says, but events of mails to one address: not to a Rapport that happens to run.
NOBODY = "http://127.0.0.1:1/nobody"
# Loopback must not go through a proxy that the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlError(Exception):
    """The control API refused; the sentence says why."""


class Emulator:
    """A running emulator. After `stop` or `kill`, `start` brings it back on the same port with the same ledger."""

    def __init__(self, data: Path, env: Mapping[str, str], port: int = 0) -> None:
        self.data = data
        self.port = port
        self._env = {**os.environ, **env}
        self._settings = Settings.from_environment(self._env)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Without a slash at the end; also the base URL of Twilio's and SendGrid's API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def account_sid(self) -> str:
        return self._settings.account_sid

    @property
    def auth_token(self) -> str:
        return self._settings.auth_token

    @property
    def api_key(self) -> str:
        """SendGrid's."""
        return self._settings.api_key

    @property
    def sender(self) -> str:
        """Our number when nothing else was named (E.164)."""
        return self._settings.sender

    @property
    def pid(self) -> int:
        assert self._process is not None, "the emulator is not running"
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers; RuntimeError with the end of its log when it does not."""
        self.data.mkdir(parents=True, exist_ok=True)
        log = self.data / "emulator.log"
        command = [sys.executable, "-m", "communications.emulator", "--port", str(self.port), "--data", str(self.data)]
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._env, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._process.stdout.close()
        if not line:
            self.kill()
            raise RuntimeError(f"the emulator did not start:\n{log.read_text()[-2000:]}")
        self.port = int(line.rsplit(":", 1)[1])
        self._wait()

    def stop(self) -> None:
        """SIGTERM; what was accepted is on disk anyway."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._end(lambda process: process.kill())

    def control(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """`path` under /_control, e.g. "/faults". ControlError for a refusal."""
        body = None if values is None else json.dumps(values).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_control{path}", data=body, headers=headers, method=method)
        try:
            with _opener.open(request, timeout=CALL_SECONDS) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(f"{error.code} {error.read().decode(errors='replace')}") from None

    def ledger(self, kind: str | None = None, **filters: str | int) -> list[dict[str, Any]]:
        """Entries oldest first; filters: to, reference, since (seq or ISO time), limit."""
        query = urlencode({**({"kind": kind} if kind else {}), **filters})
        return list(self.control("GET", f"/ledger?{query}")["entries"])

    def count(self, group_by: str = "reference", kind: str = "accepted") -> dict[str, Any]:
        """total, without, groups, duplicates, counts."""
        return self.control("GET", f"/ledger/count?{urlencode({'group_by': group_by, 'kind': kind})}")

    def duplicates(self, group_by: str = "reference") -> list[dict[str, Any]]:
        """What was accepted more than once: [{"key": ..., "count": ...}]; `group_by` may be "to,body"."""
        return list(self.count(group_by)["duplicates"])

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """A phone's thread in both directions, oldest first; without `to` the latest of all."""
        return list(self.control("GET", f"/messages?{urlencode({'to': to} if to else {})}")["messages"])

    def mails(self, to: str = "", *, limit: int = 200) -> list[dict[str, Any]]:
        """The latest mails, newest first, of the addresses that contain `to`."""
        return list(self.control("GET", f"/mails?{urlencode({'q': to, 'limit': limit})}")["mails"])

    def mail(self, sid: str) -> dict[str, Any]:
        """A mail with its parts, headers, links and events."""
        return self.control("GET", f"/mails/{sid}")

    def mail_event(self, sid: str, event: str, **fields: Any) -> dict[str, Any]:
        """SendGrid tells of an event of this mail; fields replace its own, such as `reason`."""
        return self.control("POST", f"/mails/{sid}/events", {"event": event, **fields})

    def open_mail(self, sid: str) -> list[dict[str, Any]]:
        """Somebody opens it, pictures and all: the visits that the mail client made (method, url, status, error)."""
        return list(self.control("POST", f"/mails/{sid}/open", {})["visits"])

    def click(self, sid: str, url: str | None = None) -> list[dict[str, Any]]:
        """Somebody follows a link of it, the first one unless named."""
        return list(self.control("POST", f"/mails/{sid}/click", {"url": url})["visits"])

    def unsubscribe(self, sid: str) -> list[dict[str, Any]]:
        """Somebody presses their mail client's button (one click, RFC 8058)."""
        return list(self.control("POST", f"/mails/{sid}/unsubscribe", {})["visits"])

    def plan(self, **percent: float) -> dict[str, float]:
        """How many mails are `bounced`, `opened`, `clicked` by themselves, of those accepted from now on."""
        return self.control("POST", "/plan", percent)

    def faults(self, mode: str, **rule: Any) -> dict[str, Any]:
        """Adds a rule; `faults.Fault` has what it may say (times, probability, match, delay_ms, retry_after, ...)."""
        return self.control("POST", "/faults", {"mode": mode, **rule})

    def clear_faults(self) -> None:
        self.control("DELETE", "/faults")

    def callbacks(self, **settings: Any) -> dict[str, Any]:
        """Changes `callbacks.CallbackSettings`; answers pending, delivered, failed, settings."""
        return self.control("POST", "/callbacks", settings)

    def flush(self, seconds: float = 30.0) -> dict[str, int]:
        """Releases what is held, makes everything due now, waits: delivered, failed, pending."""
        return self.control("POST", "/callbacks/flush", {"timeout_s": seconds})

    def inbound(self, body: str, *, sender: str, to: str | None = None, **more: Any) -> dict[str, Any]:
        """Somebody writes: sid, status and body of the webhook's answer, answers on the phone. More: channel, media,
        message_sid, bad_signature, opt_out_type, url, name."""
        return self.control("POST", "/inbound", {"from": sender, "to": to, "body": body, **more})

    def opt_outs(self, **settings: Any) -> dict[str, Any]:
        """Changes `runtime.OptOuts`; answers them and the pairs that are opted out."""
        return self.control("POST", "/optouts", settings)

    def latency(self, ms: float, jitter_ms: float = 0.0) -> None:
        self.control("POST", "/latency", {"ms": ms, "jitter_ms": jitter_ms})

    def seed(self, number: int) -> None:
        self.control("POST", "/seed", {"seed": number})

    def reset(self) -> None:
        self.control("POST", "/reset")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.control("GET", "/health")
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.kill()
                    raise
                time.sleep(0.05)

    def _end(self, how: Any) -> None:
        if self._process is None:
            return
        how(self._process)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextmanager
def running_emulator(data: Path, *, port: int = 0, **env: str) -> Iterator[Emulator]:
    """An emulator with its ledger in `data`, on `port` (0: a free one), ended on the way out. Events of mails reach somebody
    only with EMULATOR_SENDGRID_EVENTS_URL, or `callbacks(events_url=...)`."""
    emulator = Emulator(data, {"EMULATOR_SENDGRID_EVENTS_URL": NOBODY, **env}, port)
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()
