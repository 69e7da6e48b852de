"""The front door: the two sends that benchmarks make by the ten thousand are answered here, without a web framework.

Only the plain case is: a known request line, the right key, nothing wrong with the message, no rule of misbehaviour in
force. A connection that brings anything else is handed to aiohttp, with what it brought, and stays there. So both ways
lead to the same rules, and what is refused is refused in one place.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple, cast

from communications.emulator.runtime import Runtime
from communications.emulator.sendgrid import api as mail_send
from communications.emulator.sendgrid import quick as sendgrid
from communications.emulator.twilio import quick as twilio

HEAD_LIMIT = 16_384
BODY_LIMIT = 4 * 1024 * 1024
END = b"\r\n\r\n"
# What makes a request more than plain: aiohttp knows how to deal with it.
ODD = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"connection"})

# Given the key, the body and whom to tell the answer (None: the ledger could not be written); False: not the plain case.
Take = Callable[[Runtime, bytes, bytes, Callable[[bytes | None], None]], bool]


class Fields(NamedTuple):
    """`length` None: not plain."""

    length: int | None
    authorization: bytes


class Front:
    """Makes a protocol for every connection; `rest` makes aiohttp's."""

    def __init__(self, runtime: Runtime, rest: Callable[[], asyncio.BaseProtocol]) -> None:
        self.runtime = runtime
        self.rest = rest
        self.doors: set[Door] = set()
        self.hot: Mapping[bytes, Take] = {
            f"POST {twilio.path(runtime.settings)} HTTP/1.1".encode(): twilio.take,
            f"POST {mail_send.PATH} HTTP/1.1".encode(): sendgrid.take,
        }

    def __call__(self) -> "Door":
        return Door(self)

    def close(self) -> None:
        for door in list(self.doors):
            door.transport.close()


class Door(asyncio.Protocol):
    """One connection. Requests are taken one after the other, as they came."""

    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._buffer = b""
        self._end = 0  # of the request that waits for the ledger

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._front.doors.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.doors.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._end:
            self._serve()

    def _serve(self) -> None:
        head = self._buffer.find(END)
        if head < 0:
            if len(self._buffer) > HEAD_LIMIT or not b"POST ".startswith(self._buffer[:5]):
                self._hand_over()
            return
        line = self._buffer.find(b"\r\n")
        take, fields = self._front.hot.get(self._buffer[:line]), _fields(self._buffer[line + 2 : head])
        if take is None or fields.length is None or not self._front.runtime.is_plain():
            self._hand_over()
            return
        end = head + len(END) + fields.length
        if len(self._buffer) >= end:
            self._end = end
            body = self._buffer[head + len(END) : end]
            self._later(partial(self._begin, take, fields.authorization, body, self._front.runtime.era))

    def _later(self, begin: Callable[[], None]) -> None:
        """After the latency of every answer, if there is one."""
        if pause := self._front.runtime.faults.pause():
            asyncio.get_running_loop().call_later(pause, begin)
        else:
            begin()

    def _begin(self, take: Take, authorization: bytes, body: bytes, era: int) -> None:
        runtime = self._front.runtime
        if era != runtime.era:
            self.transport.abort()
        elif not (runtime.is_plain() and take(runtime, authorization, body, self._answer)):
            self._hand_over()

    def _answer(self, response: bytes | None) -> None:
        if response is None:
            self._hand_over()
        if response is None or self.transport.is_closing():
            return
        self.transport.write(response)
        self._buffer, self._end = self._buffer[self._end :], 0
        if self._buffer:
            self._serve()

    def _hand_over(self) -> None:
        if self.transport.is_closing():
            return
        rest = cast(asyncio.Protocol, self._front.rest())
        self._front.doors.discard(self)
        self.transport.set_protocol(rest)
        rest.connection_made(self.transport)
        rest.data_received(self._buffer)
        self._buffer = b""


@lru_cache(maxsize=1024)
def _fields(head: bytes) -> Fields:
    """A client's header is the same again and again."""
    length, authorization = None, b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-length" if value.strip().isdigit() and int(value) <= BODY_LIMIT and length is None:
                length = int(value)
            case b"authorization":
                authorization = value.strip()
            case odd if (odd in ODD and value.strip().lower() != b"keep-alive") or odd == b"content-length":
                return Fields(None, b"")
    return Fields(length, authorization)
