"""Calling Rapport, as a provider or a person does: timeouts, a limited number of retries, an account of how it went."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

CONNECTIONS = 64
BODY_LIMIT = 65536
RETRY_PAUSE = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Seconds; `on` names what is tried again: ct (no connection), rt (no answer in time), 4xx, 5xx."""

    retries: int = 1
    on: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One request, ready and signed. `url` goes on the wire byte for byte, for it was signed so."""

    url: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    policy: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """`status` None: nobody answered, and `error` says why (the words of RetryPolicy.on)."""

    status: int | None
    body: str = ""
    content_type: str = ""
    attempts: int = 1
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Webhooks:
    """One client session for all callbacks; `open` and `close` belong to the event loop that uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, outgoing: Outgoing) -> Reply:
        """Never raises for what the other side does; the whole of it takes at most `policy.total` seconds."""
        attempts = 0
        reply = Reply(status=None, error="rt", attempts=1)
        try:
            async with asyncio.timeout(outgoing.policy.total):
                while True:
                    attempts += 1
                    reply = await self._attempt(outgoing, attempts)
                    if attempts > outgoing.policy.retries or _outcome(reply) not in outgoing.policy.on:
                        return reply
                    await asyncio.sleep(RETRY_PAUSE * 2 ** (attempts - 1))
        except TimeoutError:
            return Reply(status=reply.status, error=reply.error or "rt", attempts=attempts)

    async def _attempt(self, outgoing: Outgoing, attempt: int) -> Reply:
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=outgoing.policy.connect, sock_read=outgoing.policy.read
        )
        try:
            async with self._session.request(
                outgoing.method,
                URL(outgoing.url, encoded=True),
                data=outgoing.body,
                headers=outgoing.headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                body = (await response.content.read(BODY_LIMIT)).decode("utf-8", "replace")
                return Reply(status=response.status, body=body, content_type=response.content_type, attempts=attempt)
        except aiohttp.SocketTimeoutError:
            return Reply(status=None, error="rt", attempts=attempt)
        except (aiohttp.ClientError, ValueError, OSError):
            return Reply(status=None, error="ct", attempts=attempt)


def _outcome(reply: Reply) -> str:
    if reply.status is None:
        return reply.error or "ct"
    return f"{reply.status // 100}xx"
