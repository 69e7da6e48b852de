"""What a mail says: read back from the ledger, with the person's substitutions applied as SendGrid applies them."""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from communications.emulator.ledger import Entry, Ledger
from communications.emulator.sendgrid.mailbox import Call, Mail

KEPT = 16
# Gmail shows no more of a mail's HTML than this and hides the rest, the tracking pixel at its end included.
CLIPPED_BYTES = 102 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as its reader sees it, out of two entries of the ledger: its call's and its own."""

    call: Entry
    own: Entry

    @property
    def subject(self) -> str:
        return self._fill(self._person.get("subject") or self.call.get("subject", ""))

    @property
    def sender(self) -> str:
        return _spoken(self._person.get("from") or self.call["from"])

    @property
    def to(self) -> str:
        everybody = [entry for name in ("to", "cc", "bcc") for entry in self._person.get(name) or ()]
        return _spoken(next(entry for entry in everybody if entry["email"] == self.own["to"]))

    @property
    def reply_to(self) -> str:
        given = self.call.get("reply_to")
        return self._fill(_spoken(given)) if given else ""

    @property
    def headers(self) -> Mapping[str, str]:
        return {**self.call.get("headers", {}), **(self._person.get("headers") or {})}

    @property
    def arguments(self) -> Mapping[str, str]:
        """The custom arguments that come back with every event."""
        return {**self.call.get("custom_args", {}), **(self._person.get("custom_args") or {})}

    @property
    def text(self) -> str:
        """Empty when it has no such part, like `html`."""
        return self._part("text/plain")

    @property
    def html(self) -> str:
        return self._part("text/html")

    @property
    def _person(self) -> Mapping[str, Any]:
        person: Mapping[str, Any] = self.own["person"]
        return person

    @property
    def _fill(self) -> Callable[[str], str]:
        return _filler(self._person.get("substitutions") or {})

    def _part(self, kind: str) -> str:
        return self._fill(next((part["value"] for part in self.call["content"] if part["type"] == kind), ""))


class Letters:
    """The calls that were read last stay at hand: events of one call come together."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recent: OrderedDict[str, tuple[Entry, Sequence[bytes]]] = OrderedDict()

    def read(self, call: Call, index: int) -> Letter:
        shared, lines = self._block(call)
        return Letter(shared, json.loads(lines[index + 1]))

    def of(self, mail: Mail) -> Letter:
        return self.read(mail.call, mail.index)

    def clear(self) -> None:
        self._recent.clear()

    def _block(self, call: Call) -> tuple[Entry, Sequence[bytes]]:
        found = self._recent.get(call.message_id)
        if found is None:
            lines = self._ledger.read_lines(*call.place)
            found = self._recent[call.message_id] = json.loads(lines[0]), lines
            if len(self._recent) > KEPT:
                self._recent.popitem(last=False)
        self._recent.move_to_end(call.message_id)
        return found


def _filler(substitutions: Mapping[str, str]) -> Callable[[str], str]:
    """Every tag is replaced once, the longest first; what was put in is not searched again."""
    tags = sorted(filter(None, substitutions), key=len, reverse=True)
    if not tags:
        return str
    found = re.compile("|".join(map(re.escape, tags)))
    return lambda text: found.sub(lambda match: substitutions[match[0]], text)


def _spoken(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']} <{entry['email']}>" if entry.get("name") else str(entry["email"])
