"""Messages to ledger lines and back: after a restart phones, STOP list and open callbacks are as they were."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from communications.emulator.callbacks import Callback
from communications.emulator.ledger import Entry
from communications.emulator.runtime import Runtime
from communications.emulator.store import Message, Step
from communications.emulator.twilio.status import chain


def facts(message: Message, **more: Any) -> dict[str, Any]:
    """All of a message, under the words of the ledger (`from` is the sender)."""
    return {
        "provider": "twilio",
        "sid": message.sid,
        "direction": message.direction,
        "channel": message.channel,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "media": message.media,
        "segments": message.segments,
        "service": message.service,
        "reference": message.reference,
        "origin": message.origin,
        "created": message.created,
        "initial": message.initial,
        "steps": message.steps,
        "error": message.error,
        "status_callback": message.status_callback,
        **more,
    }


def message_of(entry: Entry) -> Message:
    return Message(
        sid=entry["sid"],
        provider=entry["provider"],
        direction=entry["direction"],
        sender=entry["from"],
        to=entry["to"],
        body=entry["body"],
        media=tuple(entry["media"]),
        segments=entry["segments"],
        service=entry["service"],
        reference=entry["reference"],
        origin=entry["origin"],
        created=entry["created"],
        initial=entry["initial"],
        steps=tuple(Step(*step) for step in entry["steps"]),
        error=entry["error"],
        status_callback=entry["status_callback"],
    )


def restore(runtime: Runtime, entries: Iterable[Entry]) -> None:
    """Plays the ledger; what had not been called back is queued again."""
    told: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry["provider"] != "twilio":
            continue
        if entry["kind"] == "callback":
            told[entry["sid"]].add(entry["event"])
        elif entry["kind"] in REPLAY:
            REPLAY[entry["kind"]](runtime, entry)
    runtime.store.read_everything()
    for message in runtime.store.messages.values():
        runtime.callbacks.add(_untold(runtime, message, told))


def _untold(runtime: Runtime, message: Message, told: Mapping[str, set[str]]) -> list[Callback]:
    if message.canceled is not None:
        return []
    return [step for step in chain(runtime.settings, message) if step.event not in told.get(message.sid, ())]


def _add(runtime: Runtime, entry: Entry) -> None:
    if entry["sid"] not in runtime.store.messages:
        runtime.store.add(message_of(entry))


def _inbound(runtime: Runtime, entry: Entry) -> None:
    _add(runtime, entry)
    mark(runtime, line=entry["to"], phone=entry["from"], kind=entry["keyword"])


def mark(runtime: Runtime, *, line: str, phone: str, kind: str | None) -> None:
    """What STOP and START do to the list of those who must not be written to."""
    if kind == "STOP":
        runtime.store.opted_out.add((line, phone))
    elif kind == "START":
        runtime.store.opted_out.discard((line, phone))


def _canceled(runtime: Runtime, entry: Entry) -> None:
    if entry["sid"] in runtime.store.messages:
        runtime.store.messages[entry["sid"]].canceled = entry["at"]


def _deleted(runtime: Runtime, entry: Entry) -> None:
    if entry["sid"] in runtime.store.messages:
        runtime.store.remove(entry["sid"])


REPLAY: Mapping[str, Callable[[Runtime, Entry], None]] = {
    "accepted": _add,
    "twiml": _add,
    "carrier": _add,
    "inbound": _inbound,
    "canceled": _canceled,
    "deleted": _deleted,
}
