"""Everything one emulator has, in one hand; made once by `app`, reached by handlers through `RUNTIME`."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from communications.emulator.callbacks import CallbackQueue
from communications.emulator.config import Settings
from communications.emulator.faults import Faults
from communications.emulator.ledger import Ledger
from communications.emulator.sendgrid.fates import Plan
from communications.emulator.sendgrid.feed import Feed, Parts
from communications.emulator.sendgrid.letters import Letters
from communications.emulator.sendgrid.mailbox import Mailbox
from communications.emulator.store import Store
from communications.emulator.webhooks import Webhooks

# Twilio's own list also has CANCEL and YES. Rapport gives these to reminders, so this account leaves them to the
# application, as Advanced Opt-Out allows; the control API can put them back.
STOP_WORDS = ("STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT")
START_WORDS = ("START", "UNSTOP")
HELP_WORDS = ("HELP", "INFO")


@dataclass(kw_only=True, slots=True)
class OptOuts:
    """How STOP is treated: `enabled` refuses sends after it (21610), `replies` answers it on the phone,
    `advanced` adds OptOutType to the inbound webhook."""

    enabled: bool = True
    replies: bool = True
    advanced: bool = False
    stop_words: tuple[str, ...] = STOP_WORDS
    start_words: tuple[str, ...] = START_WORDS
    help_words: tuple[str, ...] = HELP_WORDS

    def kind(self, body: str) -> str | None:
        """STOP, START, HELP or None: only the whole text counts, in any case, as at Twilio."""
        word = body.strip().upper()
        for kind, words in self._lists().items():
            if word in words:
                return kind
        return None

    def configure(self, *, words: dict[str, Iterable[str]], switches: dict[str, bool]) -> None:
        for name, values in words.items():
            setattr(self, name, tuple(value.strip().upper() for value in values))
        for name, value in switches.items():
            setattr(self, name, bool(value))

    def _lists(self) -> dict[str, tuple[str, ...]]:
        return {"STOP": self.stop_words, "START": self.start_words, "HELP": self.help_words}


@dataclass(kw_only=True, slots=True)
class Runtime:
    settings: Settings
    ledger: Ledger
    faults: Faults
    webhooks: Webhooks
    callbacks: CallbackQueue
    letters: Letters
    mailbox: Mailbox
    feed: Feed
    store: Store = field(default_factory=Store)
    opt_outs: OptOuts = field(default_factory=OptOuts)
    plan: Plan = field(default_factory=Plan)
    era: int = 0  # rises with every reset
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def make(cls, settings: Settings, data: Path) -> "Runtime":
        ledger, faults, webhooks = Ledger(data), Faults(), Webhooks()
        callbacks = CallbackQueue(ledger=ledger, webhooks=webhooks, chance=faults.chance)
        letters, mailbox = Letters(ledger), Mailbox()
        parts = Parts(
            ledger=ledger,
            webhooks=webhooks,
            letters=letters,
            mailbox=mailbox,
            chance=faults.chance,
            url=settings.events_url,
            settings=lambda: callbacks.settings,
        )
        return cls(
            settings=settings,
            ledger=ledger,
            faults=faults,
            webhooks=webhooks,
            callbacks=callbacks,
            letters=letters,
            mailbox=mailbox,
            feed=Feed(parts),
        )

    def is_plain(self) -> bool:
        """Nothing in force that makes a send more than taking it and saying so."""
        return not self.faults.rules and not self.callbacks.settings.before_answer

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs until it is done, the emulator forgets or ends."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def configure(self, values: Mapping[str, Any]) -> None:
        """How callbacks and events come. ValueError for what makes no sense."""
        self.callbacks.configure(values)
        self.feed.wake()

    async def flush(self, seconds: float) -> dict[str, int]:
        """Releases callbacks and events alike; see `CallbackQueue.flush`."""
        called, fed = await asyncio.gather(self.callbacks.flush(seconds), self.feed.flush(seconds))
        return {name: called[name] + fed[name] for name in called}

    async def forget(self) -> None:
        """As new: phones, mailboxes, STOP list, rules, settings and queued callbacks; the ledger begins again. A call that was being
        delayed belongs to the era before and is accepted no more."""
        self.era += 1
        for task in self.tasks:
            task.cancel()
        self.callbacks.reset()
        self.feed.reset()
        self.faults.reset()
        self.store.clear()
        self.opt_outs = OptOuts()
        self.mailbox.clear()
        self.letters.clear()
        self.plan = Plan()
        await self.ledger.rotate()


RUNTIME: web.AppKey[Runtime] = web.AppKey("runtime", Runtime)
