"""A lean HTTP client for benches: requests that are ready as bytes, over a fixed number of connections that stay open.

It runs in a process of its own, imports nothing of Rapport and costs little, so that the server has the machine.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What came of it: answers by status, and how long each took, in seconds, sorted."""

    statuses: dict[int, int]
    seconds: float
    waits: list[float]

    def percentile(self, share: float) -> float:
        return self.waits[min(int(len(self.waits) * share), len(self.waits) - 1)]


def post_all(port: int, requests: Sequence[bytes], *, connections: int = 16) -> Posted:
    """Send each once, from another process; every connection sends its next one when it has its answer."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_post_all, port, requests, connections).result()


def request(path: str, body: bytes, headers: dict[str, str], *, method: str = "POST") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _post_all(port: int, requests: Sequence[bytes], connections: int) -> Posted:
    return asyncio.run(_post(port, requests, connections))


async def _post(port: int, requests: Sequence[bytes], connections: int) -> Posted:
    left, statuses, waits = iter(requests), dict[int, int](), list[float]()
    began = time.perf_counter()
    await asyncio.gather(*(_work(port, left, statuses, waits) for _ in range(connections)))
    return Posted(statuses=statuses, seconds=time.perf_counter() - began, waits=sorted(waits))


async def _work(port: int, left: Iterator[bytes], statuses: dict[int, int], waits: list[float]) -> None:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(_Line, "127.0.0.1", port)
    for each in left:
        began = time.perf_counter()
        status = await line.ask(each)
        waits.append(time.perf_counter() - began)
        statuses[status] = statuses.get(status, 0) + 1
    line.transport.close()


class _Line(asyncio.Protocol):
    """One connection; answers have a Content-Length."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._answer: asyncio.Future[int] | None = None
        self._received = b""

    def ask(self, each: bytes) -> "asyncio.Future[int]":
        self._answer = asyncio.get_running_loop().create_future()
        self._received = b""
        self.transport.write(each)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        _, _, rest = head.lower().partition(b"content-length:")
        if len(body) >= int(rest.split(b"\r\n", 1)[0] or 0) and self._answer and not self._answer.done():
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("The server closed the connection."))
