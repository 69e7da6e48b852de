"""The senders' wire: one aiohttp session a process with many calls in flight, and what a failed call means.

A call that provably never left may be made again. A call that left and has no readable answer is uncertain: a repeat
could reach the person twice.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus
from weakref import WeakKeyDictionary

import aiohttp
from django.conf import settings

from communications.providers.loop import at_close

#: Monotonic moment after which no new call may begin: the lease of the rows would not outlive it (a paused sender).
call_until: ContextVar[float | None] = ContextVar("call_until", default=None)

LONGEST_RETRY_AFTER = 86_400.0  # seconds; whoever asks for more is not understood

_NEVER_LEFT = (
    aiohttp.ClientConnectorError,  # DNS, refused connection, TLS
    aiohttp.InvalidURL,
    aiohttp.ConnectionTimeoutError,
)


_FORM_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~")
_FORM_QUOTED = {code: "+" if code == 32 else f"%{code:02X}" for code in range(128) if chr(code) not in _FORM_SAFE}


class NotSent(Exception):
    """The request never left."""


class NoAnswer(Exception):
    """The request left (or may have), and no answer came."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Mapping[str, Any]:
        """The body as an object; empty when it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class Wire:
    """The sessions of a provider, one for each event loop (a sender process has one)."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, _Session] = WeakKeyDictionary()

    async def call(self, method: str, url: str, **options: Any) -> Answer:
        """One request. Raises NotSent or NoAnswer; any HTTP status is an answer."""
        ready = self._ready()
        async with ready.gate:
            check_time()
            try:
                # A redirect is no answer of a provider: followed, it would carry the message to a stranger.
                async with ready.session.request(method, url, allow_redirects=False, **options) as response:
                    return Answer(status=response.status, headers=response.headers, body=await response.read())
            except _NEVER_LEFT as error:
                raise NotSent(_say(error)) from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise NoAnswer(_say(error)) from error

    def _ready(self) -> "_Session":
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            limit = settings.PROVIDER_CONCURRENCY
            timeout = aiohttp.ClientTimeout(total=settings.PROVIDER_TIMEOUT_SECONDS, connect=5)
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit), timeout=timeout)
            self._open[loop] = _Session(session=session, gate=asyncio.Semaphore(limit))
            at_close(session.close)
        return self._open[loop]


@dataclass(frozen=True, kw_only=True)
class _Session:
    session: aiohttp.ClientSession
    gate: asyncio.Semaphore


def retry_after(answer: Answer) -> float | None:
    """The seconds that the answer asks us to wait, where it names them."""
    try:
        return min(max(0.0, float(answer.headers.get("Retry-After", ""))), LONGEST_RETRY_AFTER)
    except ValueError:
        return None


def check_time() -> None:
    """Raises NotSent when a call that begins now would outlive the lease of its rows."""
    until = call_until.get()
    if until is not None and time.monotonic() > until:
        raise NotSent("The sender stood still for too long; the message goes back to the queue.")


def form(fields: Mapping[str, str]) -> str:
    """`fields` as application/x-www-form-urlencoded, as `urllib.parse.urlencode` has it; that quotes letter by letter in Python,
    which for an SMS costs a quarter of its call.
    """
    return "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(text: str) -> str:
    return text.translate(_FORM_QUOTED) if text.isascii() else quote_plus(text)


def _say(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
