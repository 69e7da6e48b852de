"""Callers at work on Rapport: messages one by one and many at once, people who write, people who say STOP.

They do as callers do: whoever gets no answer asks again, a sender of messages with the same Idempotency-Key, a provider
with the same MessageSid. What they were promised is kept here, apart from Rapport and its database.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count
from random import Random
from typing import Any

from communications.tests.survival.rapport import Rapport

SCHEMA, MAIL_SCHEMA = "CHAOS", "CHAOS-MAIL"
PEOPLE = 20  # who write to us, each several times
STOPPERS = 10  # who are written to, and say STOP
PATIENCE = 180.0  # seconds: of a caller, and of whoever waits for calm
_CALLERS = 6
_LATER = (409, 429, 502, 503)
_EVERY = 200  # messages; then a stopper, who has been written to so far, says STOP


@dataclass(kw_only=True)
class Promises:
    """What Rapport said to its callers, with the moment: the ids it answered, by key, and the messages it acknowledged.

    `bulks`: how many recipients each bulk request has, by the id that was answered. `longest`: seconds that one of them
    waited, repeats included.
    """

    accepted: dict[str, tuple[str, float]] = field(default_factory=dict)
    bulks: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)
    longest: float = 0.0


class Load:
    """`rate` requests a second, of which one in six is somebody who writes to us, and the share `mail` asks for an e-mail."""

    def __init__(self, rapport: Rapport, *, token: str, seed: int, rate: float, mail: float) -> None:
        self.promises = Promises()
        self._rapport, self._rate, self._mail = rapport, rate, mail
        self._headers = {"Authorization": f"Bearer {token}"}
        self._random = Random(f"{seed}/load")
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._call, name=f"caller-{n}") for n in range(_CALLERS)]

    def begin(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Nobody begins a new request; returns when every one that was begun is answered. Raises what a caller raised."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.check()

    @property
    def answered(self) -> int:
        return len(self.promises.accepted) + len(self.promises.acknowledged)

    def check(self) -> None:
        if self._failed:
            raise self._failed[0]

    def bulk(self, recipients: int) -> None:
        """One request for many messages."""
        with self._lock:
            numbers = [next(self._numbers) for _ in range(recipients)]
        values = {
            "message_schema": SCHEMA,
            "recipients": [{"recipient": _recipient(n), "variables": {"part": n}} for n in numbers],
        }
        key = {"Idempotency-Key": f"bulk-{numbers[0]}"}
        post = partial(self._rapport.post, "/api/v1/message-data/bulk", values, {**self._headers, **key})
        answer = self._insist(post, wanted=202)
        self.promises.bulks[json.loads(answer[1])["id"]] = recipients

    def _call(self) -> None:
        try:
            while not self._over.is_set():
                with self._lock:
                    number = next(self._numbers)
                    does_write, is_mail = self._random.random() < 1 / 6, self._random.random() < self._mail
                if self._over.wait(max(0.0, self._began + number / self._rate - time.monotonic())):
                    return
                if does_write:
                    self._write(number)
                elif is_mail:
                    self._post(number, f"person-{number}@chaos.example", schema=MAIL_SCHEMA)
                else:
                    self._send(number)
        except BaseException as error:  # told to whoever ends the load
            self._failed.append(error)
            self._over.set()

    def _send(self, number: int) -> None:
        """A message; now and then to somebody who has said STOP or will."""
        stopper = number // _EVERY % STOPPERS
        if number % _EVERY == _EVERY - 1:
            self._say(f"+1647{3_000_000 + stopper}", "STOP", f"SMstop{number}")
        self._post(number, f"+1647{3_000_000 + stopper}" if number % 10 == 0 else _recipient(number))

    def _post(self, number: int, recipient: str, *, schema: str = SCHEMA) -> None:
        key = f"chaos-{number}"
        values = {"message_schema": schema, "recipient": recipient, "variables": {"part": number}}
        headers = {**self._headers, "Idempotency-Key": key}
        answer = self._insist(partial(self._rapport.post, "/api/v1/message-data", values, headers), wanted=201)
        self.promises.accepted[key] = (json.loads(answer[1])["id"], time.time())

    def _write(self, number: int) -> None:
        self._say(f"+1647{2_000_000 + number % PEOPLE}", f"Is number {number} here?", f"SM{number:032x}")

    def _say(self, sender: str, text: str, sid: str) -> None:
        self._insist(partial(self._rapport.sms, sender, text, sid), wanted=200)
        self.promises.acknowledged[sid] = time.time()

    def _insist(self, ask: Callable[[], tuple[Any, ...]], *, wanted: int) -> tuple[Any, ...]:
        """The answer with the status that was wanted. No answer, or one that says "later", is asked for again."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            with suppress(OSError, HTTPException):  # whoever was to answer died
                answer = ask()
                if answer[0] == wanted:
                    self.promises.longest = max(self.promises.longest, time.monotonic() - began)
                    return answer
                assert answer[0] in _LATER, f"an answer that no caller deserves: {answer}"
            time.sleep(0.2)
        raise AssertionError(f"no {wanted} within {PATIENCE} s")


def _recipient(number: int) -> str:
    return f"+1416{2_000_000 + number}"
