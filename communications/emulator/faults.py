"""How the emulator misbehaves on purpose: rules, tried in the order they were made; the first that applies acts.

Modes that refuse never write an acceptance; modes that accept always do, before anything else happens:

    ok                 behaves, and keeps later rules away
    400 401 429 500 503   the provider's own error (429 with Retry-After)
    drop_before        closes the connection, nothing accepted
    hang               never answers, nothing accepted
    html_200           a proxy's page with status 200, nothing accepted
    error_200          the provider's error body with status 200, nothing accepted
    latency            waits `delay_ms`, then behaves
    accept_then_drop   accepts, then closes the connection without an answer
    accept_then_late   accepts, then waits `delay_ms` before the answer
    truncated          accepts, and cuts the JSON of the answer in half
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from aiohttp import web


class Mode(StrEnum):
    OK = "ok"
    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    TOO_MANY = "429"
    ERROR = "500"
    UNAVAILABLE = "503"
    DROP_BEFORE = "drop_before"
    HANG = "hang"
    HTML_200 = "html_200"
    ERROR_200 = "error_200"
    LATENCY = "latency"
    ACCEPT_THEN_DROP = "accept_then_drop"
    ACCEPT_THEN_LATE = "accept_then_late"
    TRUNCATED = "truncated"


STATUSES = {
    Mode.BAD_REQUEST: 400,
    Mode.UNAUTHORIZED: 401,
    Mode.TOO_MANY: 429,
    Mode.ERROR: 500,
    Mode.UNAVAILABLE: 503,
}
# A look-up accepts nothing: these rules wait for the next send.
ACCEPTING = frozenset({Mode.ACCEPT_THEN_DROP, Mode.ACCEPT_THEN_LATE, Mode.TRUNCATED})
DEFAULT_RETRY_AFTER = 1
PROXY_PAGE = "<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What a rule can be about; `to`, `sender` and `body` are empty for look-ups. `to` has a line for each person, `body` is
    the subject of a mail."""

    provider: str
    method: str
    path: str
    to: str = ""
    sender: str = ""
    body: str = ""


@dataclass(kw_only=True, slots=True)
class Fault:
    """`times` None acts until cleared; `path` and the values of `match` (to, from, body) are regular expressions."""

    id: int
    mode: Mode
    provider: str | None = None
    path: str | None = None
    method: str | None = None
    times: int | None = None
    probability: float = 1.0
    retry_after: float | None = None
    status: int | None = None
    delay_ms: float = 0.0
    match: dict[str, str] = field(default_factory=dict)
    hits: int = 0

    def applies(self, call: Call) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if self.mode in ACCEPTING and call.method != "POST":
            return False
        return self._is_about(call)

    def _is_about(self, call: Call) -> bool:
        if self.provider not in (None, call.provider) or self.method not in (None, call.method):
            return False
        if self.path is not None and not re.search(self.path, call.path):
            return False
        facts = {"to": call.to, "from": call.sender, "body": call.body}
        return all(re.search(pattern, facts[name], re.MULTILINE) for name, pattern in self.match.items())


class Faults:
    """The rules in force, the latency of every answer, and the one source of chance (so that a seed replays a run)."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self.latency_ms = 0.0
        self.jitter_ms = 0.0
        self.chance = random.Random()
        self._ids = count(1)

    def add(self, values: Mapping[str, Any]) -> Fault:
        """TypeError or ValueError: the rule makes no sense, nothing was added."""
        fault = Fault(id=next(self._ids), **{**values, "mode": Mode(str(values.get("mode", "")))})
        for name in fault.match:
            if name not in ("to", "from", "body"):
                raise ValueError(f"match knows to, from and body, not {name!r}")
        for pattern in (fault.path or "", *fault.match.values()):
            _compiles(pattern)
        self.rules.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        self.rules = [rule for rule in self.rules if fault_id is not None and rule.id != fault_id]

    def reset(self) -> None:
        self.clear()
        self.latency_ms = self.jitter_ms = 0.0

    def draw(self, call: Call) -> Fault | None:
        for rule in self.rules:
            if rule.applies(call) and (rule.probability >= 1 or self.chance.random() < rule.probability):
                rule.hits += 1
                return rule
        return None

    def pause(self) -> float:
        """The latency of every answer, drawn for one; seconds."""
        if not (self.latency_ms or self.jitter_ms):
            return 0.0
        return (self.latency_ms + self.chance.uniform(0, self.jitter_ms)) / 1000

    async def wait(self) -> None:
        if pause := self.pause():
            await asyncio.sleep(pause)


def _compiles(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


Answer = Callable[[], Awaitable[web.Response]]
Refuse = Callable[[int], web.Response]


async def play(fault: Fault, request: web.Request, *, answer: Answer, refuse: Refuse) -> web.Response:
    """`answer` does the work and may accept; `refuse` makes the provider's own error body for a status."""
    if fault.mode in ACCEPTING:
        return await _accept_badly(fault, request, answer)
    await asyncio.sleep(fault.delay_ms / 1000)
    match fault.mode:
        case Mode.OK | Mode.LATENCY:
            return await answer()
        case Mode.DROP_BEFORE:
            return drop(request)
        case Mode.HANG:
            return await _hang(request)
        case _:
            return _not_accepted(fault, refuse)


def _not_accepted(fault: Fault, refuse: Refuse) -> web.Response:
    if fault.mode is Mode.HTML_200:
        return web.Response(text=PROXY_PAGE, content_type="text/html")
    if fault.mode is Mode.ERROR_200:
        response = refuse(500)
        response.set_status(200)
        return response
    response = refuse(fault.status or STATUSES[fault.mode])
    retry_after = fault.retry_after
    if retry_after is None and fault.mode is Mode.TOO_MANY:
        retry_after = DEFAULT_RETRY_AFTER
    if retry_after is not None:
        response.headers["Retry-After"] = f"{retry_after:g}"
    return response


async def _accept_badly(fault: Fault, request: web.Request, answer: Answer) -> web.Response:
    response = await answer()
    await asyncio.sleep(fault.delay_ms / 1000)
    if fault.mode is Mode.ACCEPT_THEN_DROP:
        return drop(request)
    if fault.mode is Mode.TRUNCATED and isinstance(response.body, bytes):
        response.body = response.body[: len(response.body) // 2]
    return response


def drop(request: web.Request) -> web.Response:
    """Closes the connection at once; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _hang(request: web.Request) -> web.Response:
    """Until the client gives up or the emulator ends (which cancels its handlers)."""
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.2)
    return web.Response(status=500)
