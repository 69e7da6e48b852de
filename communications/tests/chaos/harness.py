"""One run: a whole Rapport at work, hurt in the order that a seed gives, then left alone until everything is settled.

The callers do as callers do: whoever gets no answer asks again, a sender of messages with the same Idempotency-Key, a
provider with the same MessageSid. What they were promised is kept here, apart from Rapport and its database.
The same seed gives the same faults in the same order, with the same pauses; when exactly each strikes is up to the machine.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from communications.tests.survival.rapport import ROOT, Rapport

SCHEMA = "CHAOS"
MISBEHAVIOUR = 0.15  # of all calls
PEOPLE = 20  # who write to us, each several times
PATIENCE = 180.0  # seconds: of a caller, and of whoever waits for calm
_CALLERS = 6
_LATER = (409, 429, 502, 503)
_MODES = (
    ("400", {}),
    ("429", {"retry_after": 1}),
    ("500", {}),
    ("503", {}),
    ("drop_before", {}),
    ("hang", {}),
    ("html_200", {}),
    ("error_200", {}),
    ("accept_then_drop", {}),
    ("accept_then_late", {"delay_ms": 4_000}),
    ("truncated", {}),
)
_PREPARE = f"""
from communications.actions.schemas import save_schema
from communications.models import MessageSchema
from config.accounts.models import ApiToken, User
text = {{"message": "Part {{{{ part }}}}"}}
save_schema(MessageSchema(code="{SCHEMA}", name="Chaos", message_delivery_method="SMS", template_schema=text))
print(ApiToken.objects.create(user=User.objects.get(email="admin@rapport.test"), name="Chaos", scopes=["*"])[1])
"""
_UNSETTLED = """
SELECT (SELECT count(*) FROM f_message_data WHERE status IN ('pending', 'scheduled', 'sending', 'uncertain')),
       (SELECT count(*) FROM send_batches WHERE state IN ('waiting', 'working')),
       (SELECT count(*) FROM webhook_deliveries WHERE state = 'received')
"""


@dataclass(kw_only=True)
class Promises:
    """What Rapport said to its callers: the ids it answered, by key, and the inbound messages it acknowledged.

    `longest`: seconds that one of them waited, repeats included.
    """

    accepted: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    longest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A fault of this run: when it began, and how long it took until it was over (not until Rapport had recovered)."""

    name: str
    at: float
    seconds: float


class Chaos:
    def __init__(self, data: Path, *, seed: int) -> None:
        self.rapport = Rapport(data, RAPPORT_FAILPOINTS="1")
        self.seed = seed
        self.random = Random(seed)
        self.promises = Promises()
        self.struck: list[Struck] = []
        self._failpoint = data / "failpoint"
        self._numbers = count(1)
        self._token = ""

    def begin(self) -> None:
        """Everything runs, with a second sender, and the provider misbehaves."""
        self.rapport.start(procfile=self._procfile())
        self._token = self.rapport.django(_PREPARE).split()[-1]
        emulator = self.rapport.emulator
        emulator.seed(self.seed)
        emulator.latency(100, 200)
        left = 1.0
        for mode, rule in _MODES:  # each rule sees only what the ones before it let pass
            share = MISBEHAVIOUR / len(_MODES)
            emulator.faults(mode, method="POST", probability=share / left, **rule)
            left -= share

    def end(self) -> None:
        self.rapport.stop()

    def run(self, faults: Sequence[tuple[str, Callable[["Chaos"], None]]], *, messages: int, webhooks: int) -> None:
        """Strike with each fault while its share of the load comes in; returns when all is calm."""
        began = time.monotonic()
        shares = len(faults)
        with ThreadPoolExecutor(_CALLERS, thread_name_prefix="caller") as callers:
            for name, strike in faults:
                coming = self._put_on(callers, messages=messages // shares, webhooks=webhooks // shares)
                at = time.monotonic()
                strike(self)
                self.struck.append(Struck(name=name, at=at - began, seconds=time.monotonic() - at))
                for each in coming:
                    each.result()
        self.rapport.emulator.clear_faults()
        self.rapport.until("all is calm", self._is_calm, seconds=PATIENCE)

    def pause(self, shortest: float, longest: float) -> None:
        time.sleep(self.random.uniform(shortest, longest))

    def arm(self, name: str) -> None:
        """The next process that comes to the failpoint dies there."""
        draft = self._failpoint.with_suffix(".draft")
        draft.write_text(name)
        draft.replace(self._failpoint)

    def is_armed(self) -> bool:
        return self._failpoint.exists()

    def trickle(self) -> None:
        """One message more, each way."""
        self._send(next(self._numbers))
        self._write(next(self._numbers))

    def _procfile(self) -> Path:
        lines = (ROOT / "Procfile").read_text().splitlines()
        sender = next(line for line in lines if line.startswith("sender:"))
        lines.append(sender.replace("sender:", "sender2:").replace("sender@", "sender2@"))
        path = self.rapport.data.parent / "Procfile"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _put_on(self, callers: ThreadPoolExecutor, *, messages: int, webhooks: int) -> list[Future[None]]:
        work = [self._send] * messages + [self._write] * webhooks
        self.random.shuffle(work)
        return [callers.submit(do, next(self._numbers)) for do in work]

    def _send(self, number: int) -> None:
        key = f"chaos-{number}"
        values = {"message_schema": SCHEMA, "recipient": f"+1416{2_000_000 + number}", "variables": {"part": number}}
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
        answer = self._insist(partial(self.rapport.post, "/api/v1/message-data", values, headers), wanted=201)
        self.promises.accepted[key] = json.loads(answer[1])["id"]

    def _write(self, number: int) -> None:
        sid = f"SM{number:032x}"
        sender = f"+1647{2_000_000 + number % PEOPLE}"
        self._insist(partial(self.rapport.sms, sender, f"Is number {number} here?", sid), wanted=200)
        self.promises.acknowledged.add(sid)

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

    def _is_calm(self) -> bool:
        unsettled = self.rapport.sql(_UNSETTLED)[0]
        assert not any(unsettled), "messages, batches, webhooks left: {}, {}, {}".format(*unsettled)
        return not self.rapport.emulator.control("GET", "/callbacks")["pending"]
