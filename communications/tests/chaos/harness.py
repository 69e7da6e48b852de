"""One run: a whole Rapport at work, hurt by several streams of faults at once, then left alone until all is settled.

A stream strikes one kind of process, one fault after the other; streams that hit different processes overlap, as faults
do. The same seed gives each stream the same faults in the same order, with the same pauses; when exactly each strikes is
up to the machine.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event

from communications.tests.chaos.load import MAIL_SCHEMA, PATIENCE, SCHEMA, Load
from communications.tests.survival.rapport import ROOT, Rapport

MISBEHAVIOUR = 0.15  # of all calls
_DOUBT_PATIENCE = 60.0  # seconds that are waited for doubts besides: some channels cannot settle theirs
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
sms = {{"message": "Part {{{{ part }}}}"}}
save_schema(MessageSchema(code="{SCHEMA}", name="Chaos", message_delivery_method="SMS", template_schema=sms))
mail = {{"blocks": [{{"type": "text", "content": "Part {{{{ part }}}}"}}]}}
save_schema(
    MessageSchema(
        code="{MAIL_SCHEMA}", name="Chaos by mail", message_delivery_method="EMAIL", rather_twice_than_never=True,
        subject="Part {{{{ part }}}}", template_schema=mail,
    )
)
print(ApiToken.objects.create(user=User.objects.get(email="admin@rapport.test"), name="Chaos", scopes=["*"])[1])
"""
_UNSETTLED = """
WITH later AS (  -- the demo's reminders, whose hour has not come
    SELECT id, batch_id FROM f_message_data
    WHERE status = 'scheduled' AND decision_reason = 'scheduled' AND batch_id IS NOT NULL
)
SELECT (SELECT count(*) FROM f_message_data
        WHERE status IN ('pending', 'scheduled', 'sending') AND id NOT IN (SELECT id FROM later)),
       (SELECT count(*) FROM send_batches
        WHERE state IN ('waiting', 'working') AND id NOT IN (SELECT batch_id FROM later)),
       (SELECT count(*) FROM webhook_deliveries WHERE state = 'received'),
       (SELECT count(*) FROM bulk_sends WHERE state = 'expanding')
"""
_DOUBTS = "SELECT count(*) FROM f_message_data WHERE status = 'uncertain'"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`stream`: whose processes it hits. `strike` returns when the fault is over; recovering is Rapport's own business."""

    name: str
    stream: str
    strike: Callable[["Chaos", Random], None]


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A fault of this run: when it began (seconds since the epoch), and how long it took until it was over."""

    name: str
    at: float
    seconds: float


class Chaos:
    def __init__(self, data: Path, *, seed: int, rate: float, mail: float = 0.0, beats: int = 1) -> None:
        self.rapport = Rapport(data, RAPPORT_FAILPOINTS="1", BULK_CHUNK_SIZE="40", MAIL_AGAIN_AFTER_SECONDS="20")
        self.seed = seed
        self.struck: list[Struck] = []
        self.load: Load
        self._rate, self._mail, self._beats = rate, mail, beats
        self._failpoints = data / "failpoints"
        self._gives_up = Event()

    def begin(self) -> None:
        """Everything runs, with a second sender and as many beats as asked for, and the provider misbehaves."""
        self.rapport.start(procfile=self._procfile())
        self._failpoints.mkdir(exist_ok=True)
        token = self.rapport.django(_PREPARE).split()[-1]
        self.load = Load(self.rapport, token=token, seed=self.seed, rate=self._rate, mail=self._mail)
        emulator = self.rapport.emulator
        emulator.seed(self.seed)
        emulator.latency(100, 200)
        left = 1.0
        for mode, rule in _MODES:  # each rule sees only what the ones before it let pass
            share = MISBEHAVIOUR / len(_MODES)
            emulator.faults(mode, method="POST", probability=share / left, **rule)
            left -= share

    def end(self) -> None:
        self._gives_up.set()
        self.rapport.stop()

    def run(self, streams: Mapping[str, Sequence[Fault]], *, seconds: float, requests: int = 0) -> None:
        """Let all streams strike, each spread over so many seconds, under a load of so many requests at least.

        Returns when all is calm afterwards.
        """
        self.load.begin()
        try:
            with ThreadPoolExecutor(len(streams), thread_name_prefix="stream") as threads:
                under_way = [threads.submit(self._strike_all, *stream, seconds) for stream in streams.items()]
                wait(under_way, return_when=FIRST_EXCEPTION)
                if any(stream.done() and stream.exception() for stream in under_way):
                    self._gives_up.set()
                for stream in under_way:
                    stream.result()
            self.rapport.until("load enough", lambda: self.load.answered >= requests, seconds=PATIENCE)
        finally:
            self.load.end()
        self.rapport.emulator.clear_faults()
        self.rapport.until("all is calm", self._is_calm, seconds=PATIENCE)
        until = time.monotonic() + _DOUBT_PATIENCE
        while self.rapport.sql(_DOUBTS)[0][0] and time.monotonic() < until:
            time.sleep(0.5)
        self.rapport.until("all is calm again", self._is_calm, seconds=PATIENCE)

    def arm(self, name: str, nth: int) -> None:
        """The next process that comes to the failpoint so often dies there."""
        draft = self._failpoints / f"{name}.draft"
        draft.write_text(str(nth))
        draft.replace(self._failpoints / name)

    def is_armed(self, name: str) -> bool:
        return (self._failpoints / name).exists()

    def _strike_all(self, stream: str, faults: Sequence[Fault], seconds: float) -> None:
        random, began = Random(f"{self.seed}/{stream}"), time.monotonic()
        for number, fault in enumerate(faults):
            planned = (number + random.uniform(0.2, 0.8)) * seconds / len(faults)
            if self._gives_up.wait(max(0.0, began + planned - time.monotonic())):
                return
            self.load.check()
            at = time.time()
            fault.strike(self, random)
            self.struck.append(Struck(name=fault.name, at=at, seconds=time.time() - at))

    def _procfile(self) -> Path:
        lines = (ROOT / "Procfile").read_text().splitlines()
        lines += [_another(lines, "sender", "2")]
        lines += [_another(lines, "beat", str(number)) for number in range(2, self._beats + 1)]
        path = self.rapport.data.parent / "Procfile"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _is_calm(self) -> bool:
        unsettled = self.rapport.sql(_UNSETTLED)[0]
        assert not any(unsettled), "messages, batches, webhooks, bulk requests left: {}, {}, {}, {}".format(*unsettled)
        return not self.rapport.emulator.control("GET", "/callbacks")["pending"]


def _another(lines: Sequence[str], name: str, suffix: str) -> str:
    """A second process of a kind, with a name and a file of its own."""
    line = next(line for line in lines if line.startswith(f"{name}:"))
    line = line.replace(f"{name}:", f"{name}{suffix}:", 1)
    return line.replace(f"{name}@", f"{name}{suffix}@").replace("/schedule", f"/schedule{suffix}")
