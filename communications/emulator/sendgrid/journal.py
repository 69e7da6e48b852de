"""Mails back from the ledger: after a restart the mailboxes, who is suppressed and the open events are as they were."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from communications.emulator.ledger import Entry
from communications.emulator.runtime import Runtime
from communications.emulator.sendgrid import events
from communications.emulator.sendgrid.events import Wave
from communications.emulator.sendgrid.fates import DELIVERED
from communications.emulator.sendgrid.mailbox import Call, Happening

Told = Mapping[tuple[str, str, int], set[int]]


def restore(runtime: Runtime, entries: Sequence[Entry]) -> None:
    """Plays the ledger; what had not been taken by Rapport is queued again."""
    told: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    waves: list[Wave] = []
    for place, entry in enumerate(entries):
        match entry["provider"], entry["kind"]:
            case "sendgrid", "call":
                call = _call(entry, entries[place + 1 : place + 1 + entry["people"]])
                runtime.mailbox.add(call)
                waves += events.waves(call)
            case "sendgrid", "happened":
                waves += _happened(runtime, entry)
            case "sendgrid", "callback" if entry["answer"] is not None and entry["answer"] < 300:
                for message_id, event, number, indexes in entry["told"]:
                    told[message_id, event, number].update(indexes)
    open_waves = (_untold(wave, told) for wave in waves)
    runtime.feed.add([wave for wave in open_waves if wave.indexes])


def _call(entry: Entry, people: Sequence[Entry]) -> Call:
    return Call(
        message_id=entry["message_id"],
        created=entry["at"],
        people=[person["to"] for person in people],
        delays=entry["delays"],
        watched=entry["watched"],
        open_tracking=entry["open_tracking"],
        click_tracking=entry["click_tracking"],
        place=(entry["place"][0], people[-1]["place"][1]),
        fates={index: person["fate"] for index, person in enumerate(people) if person["fate"] != DELIVERED},
    )


def _happened(runtime: Runtime, entry: Entry) -> list[Wave]:
    mail = runtime.mailbox.find(entry["sid"])
    happening = Happening(entry["event"], entry["at"], entry["number"])
    mail.call.more.setdefault(mail.index, []).append(happening)
    if not entry["posted"]:
        return []
    runtime.mailbox.suppress(mail.to, entry["event"])
    return [by_hand(mail.call, mail.index, happening, entry["more"])]


def by_hand(call: Call, index: int, happening: Happening, more: Mapping[str, Any]) -> Wave:
    return Wave(call=call, event=happening.event, indexes=[index], at=happening.at, number=happening.number, more=more)


def _untold(wave: Wave, told: Told) -> Wave:
    known = told.get((wave.call.message_id, wave.event, wave.number), set())
    return wave.of([index for index in wave.indexes if index not in known])
