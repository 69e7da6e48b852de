"""The ledger: one JSON line for each thing that happened, on disk before anybody is told.

An acceptance is answered only after `commit` returned, that is after fdatasync. Commits are grouped: everything that
arrived while the disk was busy goes out with the next write, so the rate is set by the loop and not by the disk.

Kinds: `accepted` (a send was taken), `call` (what the mails of the lines after it have in common), `refused` (a send was
not, and why), `callback` (a status was posted to Rapport), `happened` (somebody did something with a mail), `inbound`
(somebody wrote to us), `answered` (what the inbound webhook said), `twiml` and `carrier` (replies made without an API
call), `canceled`, `deleted`.
Every line has `seq` (rising, from 1), `time` (ISO, UTC), `at` (epoch seconds), `kind`, `provider`.
"""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
Place = tuple[int, int]  # in the file: start, end
OnDisk = Callable[[Place | OSError], None]
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class LedgerCorrupt(Exception):
    """A line that is not the last one cannot be read: somebody edited the file."""


class Ledger:
    """Append-only file `<folder>/ledger.jsonl`; all methods belong to one event loop."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "ledger.jsonl"
        self.counts: Counter[str] = Counter()
        self._previous = folder / "ledger.previous.jsonl"
        self._lines: list[bytes] = []
        self._queued = 0
        self._waiting: list[tuple[OnDisk, Place]] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._second = 0, ""
        self._seq = 0
        self._size = 0
        self._file = -1

    def open(self) -> list[Entry]:
        """Every entry so far, oldest first. A torn last line (kill -9, power) is cut off: it was never acknowledged."""
        entries = self._recover() if self.path.exists() else []
        self._open_file()
        self._seq = entries[-1]["seq"] if entries else 0
        self.counts.update(entry["kind"] for entry in entries)
        return entries

    def note(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Written with the next group; for what nobody waits for."""
        self.append([(kind, encode(facts))])

    async def commit(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Returns when the entry is on disk. OSError: it is not, and must not be acknowledged."""
        await self.commit_block([(kind, encode(facts))])

    async def commit_block(self, entries: Sequence[tuple[str, str]]) -> Place:
        """Several entries (kind, facts as a JSON object) in one write; answers where in the file they are."""
        done: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self.append(entries, partial(_settle, done))
        return await done

    def append(self, entries: Sequence[tuple[str, str]], on_disk: OnDisk | None = None) -> None:
        """As `commit_block`; `on_disk` is called with the place, or with the error that kept the entries from it.
        UnicodeEncodeError, and nothing noted: half of a character cannot be written."""
        now = time.time()
        moment = f'"time":"{self._stamp(now)}","at":{now!r},"kind":"'
        seq = self._seq
        lines = [f'{{"seq":{seq + n},{moment}{kind}",{facts[1:]}\n' for n, (kind, facts) in enumerate(entries, start=1)]
        data = "".join(lines).encode()
        self._seq = seq + len(entries)
        self.counts.update(kind for kind, _ in entries)
        self._lines.append(data)
        start, self._queued = self._queued, self._queued + len(data)
        if on_disk is not None:
            self._waiting.append((on_disk, (start, self._queued)))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_groups())

    async def settle(self) -> None:
        """Returns when everything noted so far is on disk."""
        if self._writer is not None:
            done: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
            self._waiting.append((partial(_settle, done), (self._queued, self._queued)))
            await done

    def read_lines(self, start: int, end: int) -> list[bytes]:
        """The lines of a block."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start).splitlines()

    def read(self) -> Iterator[Entry]:
        """The file from the beginning, for a thread; a line that is just being written is left out."""
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    async def rotate(self) -> None:
        """Begins an empty ledger; the old one stays as `ledger.previous.jsonl`."""
        await self.settle()
        self._seq = 0
        self.counts.clear()
        # In the writing thread, so that it cannot pull the file away from under a write.
        await asyncio.get_running_loop().run_in_executor(self._thread, self._replace_file)

    async def close(self) -> None:
        await self.settle()
        self._thread.shutdown()
        os.close(self._file)

    def _open_file(self) -> None:
        self._file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def _replace_file(self) -> None:
        os.close(self._file)
        self.path.replace(self._previous)
        self._open_file()

    def _stamp(self, now: float) -> str:
        second = int(now)
        if second != self._second[0]:
            self._second = second, datetime.fromtimestamp(second, UTC).isoformat()[:19]
        return f"{self._second[1]}.{int(now * 1000) % 1000:03}+00:00"

    async def _write_groups(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._lines or self._waiting:
                lines, self._lines = self._lines, []
                waiting, self._waiting = self._waiting, []
                self._queued, base = 0, self._size
                outcome = await loop.run_in_executor(self._thread, self._write, b"".join(lines))
                _tell(waiting, base, outcome)
        finally:
            self._writer = None

    def _write(self, data: bytes) -> OSError | None:
        """In the ledger's thread. After a failure (disk full) the file is cut back: no half line stays in the middle."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            return error
        self._size += len(data)
        return None

    def _recover(self) -> list[Entry]:
        """Each with its `place` in the file: start, end."""
        entries: list[Entry] = []
        good = 0
        lines = self.path.read_bytes().splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            entry = _parse(line)
            if entry is None and number < len(lines):
                raise LedgerCorrupt(f"{self.path}: line {number} cannot be read")
            if entry is not None:
                entries.append(entry | {"place": (good, good + len(line))})
                good += len(line)
        torn = _torn_call(entries)
        if torn is not None:
            good = entries[torn]["place"][0]
            del entries[torn:]
        os.truncate(self.path, good)
        return entries


def _torn_call(entries: Sequence[Entry]) -> int | None:
    """Where the last call begins, if not all of its mails follow: nobody was told of it, so none of it happened."""
    for index in range(len(entries) - 1, -1, -1):
        if entries[index]["kind"] == "call":
            return index if len(entries) - index <= entries[index]["people"] else None
    return None


def _parse(line: bytes) -> Entry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        return None
    return entry


def _tell(waiting: Sequence[tuple[OnDisk, Place]], base: int, error: OSError | None) -> None:
    """Each by itself, so that what goes wrong with one keeps nothing from the others."""
    loop = asyncio.get_running_loop()
    for on_disk, (start, end) in waiting:
        loop.call_soon(on_disk, error or (base + start, base + end))


def _settle(done: asyncio.Future[Place], outcome: Place | OSError) -> None:
    if done.done():
        return
    if isinstance(outcome, OSError):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
