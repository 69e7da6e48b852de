"""What the emulator's tests hold: a receiver of webhooks and a plain client of Twilio's API."""

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

from communications.emulator.testing import Emulator

FROM = "+15005550006"
ANNA = "+14155550123"
BEN = "+14155550124"
INBOUND = "/inbound"
EVENTS = "/events"
FIXED = (INBOUND, EVENTS)  # addresses that the emulator is given when it starts
MAIL_ANNA = "anna@example.com"
MAIL_BEN = "ben@example.com"


@dataclass(frozen=True, kw_only=True)
class Received:
    path: str
    headers: dict[str, str]
    form: dict[str, str]
    at: float
    body: str = ""
    method: str = "POST"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Of an event webhook."""
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    content_type: str = "text/xml"
    body: str = "<Response/>"
    pause: float = 0.0


@dataclass
class Receiver:
    """Rapport's side of the webhooks. `answers` are used one by one, then `answer` for ever. Every test has status URLs of
    its own, so that a callback which an earlier test left under way is not taken for one of this test."""

    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    port: int = 0
    turn: int = 0

    def begin(self) -> None:
        self.turn += 1
        self.received.clear()
        self.answers.clear()
        self.answer = Answer()

    def url(self, path: str = "/status", query: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}{query}" if path in FIXED else self._own(path + query)

    def is_mine(self, path: str) -> bool:
        return path.startswith((*FIXED, f"/{self.turn}/"))

    def _own(self, rest: str) -> str:
        return f"http://127.0.0.1:{self.port}/{self.turn}{rest}"

    def statuses(self) -> list[str]:
        return [item.form["MessageStatus"] for item in self.received]

    def events(self) -> list[dict[str, Any]]:
        return [event for item in list(self.received) if item.path == EVENTS for event in item.events]

    def wait_events(self, number: int, seconds: float = 10.0) -> list[dict[str, Any]]:
        until(lambda: len(self.events()) >= number, seconds)
        return self.events()

    def wait(self, number: int, seconds: float = 10.0) -> list[Received]:
        until(lambda: len(self.received) >= number, seconds)
        return self.received


def serve(receiver: Receiver) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            item = Received(
                path=self.path,
                headers=dict(self.headers),
                form=form,
                at=time.monotonic(),
                body=body,
                method=self.command,
            )
            if receiver.is_mine(self.path):
                receiver.received.append(item)
            answer = receiver.answers.pop(0) if receiver.answers else receiver.answer
            time.sleep(answer.pause)
            self.reply(answer)

        def reply(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that gave up is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Twilio:
    """Calls without a library, so that what is tested is the wire."""

    emulator: Emulator
    token: str = ""
    timeout: float = 10.0

    def send(self, *, to: str = ANNA, sender: str | None = FROM, body: str | None = "Hello", **more: Any) -> Response:
        pairs = {"To": to, "From": sender, "Body": body, **more}
        return self.call("POST", ".json", {name: value for name, value in pairs.items() if value is not None})

    def call(self, method: str, rest: str, form: dict[str, Any] | None = None, *, account: str = "") -> Response:
        account = account or self.emulator.account_sid
        return self.raw(method, f"/2010-04-01/Accounts/{account}/Messages{rest}", form)

    def list(self, **filters: Any) -> Any:
        return self.call("GET", f".json?{urlencode(filters)}").json

    def raw(self, method: str, path: str, form: dict[str, Any] | None = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=self.timeout)
        try:
            body = urlencode(form, doseq=True) if form is not None else None
            connection.request(method, path, body, self._headers())
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        pair = f"{self.emulator.account_sid}:{self.token or self.emulator.auth_token}"
        credentials = base64.b64encode(pair.encode()).decode()
        return {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class SendGrid:
    """Mail Send without a library."""

    emulator: Emulator
    key: str = ""
    timeout: float = 10.0

    def send(self, *people: Any, **more: Any) -> Response:
        """`people` are addresses or whole personalizations; `more` replaces parts of the payload, None leaves one out."""
        payload = {**letter(*(people or (MAIL_ANNA,))), **more}
        return self.post({name: value for name, value in payload.items() if value is not None})

    def post(self, payload: Any) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=self.timeout)
        headers = {"Authorization": f"Bearer {self.key or self.emulator.api_key}", "Content-Type": "application/json"}
        try:
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            connection.request("POST", "/v3/mail/send", body, headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()


def letter(*people: Any) -> dict[str, Any]:
    """The payload of a call with one personalization for each."""
    return {
        "personalizations": [person(each) if isinstance(each, str) else each for each in people],
        "from": {"email": "hello@rapport.example", "name": "Rapport"},
        "subject": "Hello -name-",
        "content": [
            {"type": "text/plain", "value": "Dear -name-"},
            {"type": "text/html", "value": "<p>Dear <b>-name-</b></p>"},
        ],
    }


def person(address: str, m: str | None = None, **more: Any) -> dict[str, Any]:
    """A personalization; `m` is our message id."""
    return {"to": [{"email": address}], **({"custom_args": {"m": m}} if m else {}), **more}


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
