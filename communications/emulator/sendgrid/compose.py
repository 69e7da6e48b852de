"""A payload becomes a call, or one of SendGrid's refusals; and its lines in the ledger.

The `call` line holds what all its mails share, once; each person has an `accepted` line with no more than their own. They
are written in one block, so that all of them are taken or none.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from communications.emulator.ledger import encode
from communications.emulator.sendgrid import fates, limits

SHARED = ("from", "reply_to", "subject", "content", "headers", "categories", "custom_args", "asm", "send_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A call that is in order. `entries` are the ledger's: the call's and then one for each person."""

    message_id: str
    people: list[str]
    fates: dict[int, str]
    delays: Mapping[str, float | None]
    watched: bool
    open_tracking: bool
    click_tracking: bool
    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fortune:
    """Who gets which fate."""

    suppressed: Mapping[str, str]
    plan: fates.Plan
    chance: Random

    def of(self, address: str) -> str:
        if self.suppressed and address.lower() in self.suppressed:
            return fates.SUPPRESSED
        return fates.by_address(address) or self.plan.draw(self.chance)


def compose(payload: Any, *, size: int, fortune: Fortune, delays: Mapping[str, float | None], watched: bool) -> Draft:
    """Raises Refusal."""
    limits.check_call(payload)
    message_id = secrets.token_urlsafe(16)
    seen: set[str] = set()
    people: list[str] = []
    drawn: dict[int, str] = {}
    lines: list[tuple[str, str]] = []
    common = payload.get("custom_args") or {}
    for number, person in enumerate(payload["personalizations"]):
        place = f"personalizations.{number}"
        addresses = tuple(limits.addresses(person, place, seen))
        limits.check_person(person, place)
        own, reference = encode(person), _reference(person, common)
        for address in addresses:
            fate = fortune.of(address)
            if fate != fates.DELIVERED:
                drawn[len(people)] = fate
            head = f'"message_id":"{message_id}","sid":"{message_id}.{len(people)}","to":{encode(address)}'
            lines.append(
                ("accepted", f'{{"provider":"sendgrid",{head},"reference":{reference},"fate":"{fate}","person":{own}}}')
            )
            people.append(address)
    call = _call(payload, message_id, len(people), size) | {"delays": delays, "watched": watched}
    return Draft(
        message_id=message_id,
        people=people,
        fates=drawn,
        delays=delays,
        watched=watched,
        open_tracking=call["open_tracking"],
        click_tracking=call["click_tracking"],
        entries=[("call", encode(call)), *lines],
    )


def _reference(person: Mapping[str, Any], common: Mapping[str, str]) -> str:
    """Rapport's own message id, which travels as the custom argument `m`; in JSON."""
    given = person.get("custom_args")
    return encode(given.get("m", common.get("m")) if given else common.get("m"))


def _call(payload: Mapping[str, Any], message_id: str, people: int, size: int) -> dict[str, Any]:
    shared = {name: payload[name] for name in SHARED if payload.get(name)}
    tracking = payload.get("tracking_settings") or {}
    return {
        "provider": "sendgrid",
        "message_id": message_id,
        "people": people,
        "size": size,
        "open_tracking": _is_on(tracking, "open_tracking"),
        "click_tracking": _is_on(tracking, "click_tracking"),
        "attachments": [_attachment(given) for given in payload.get("attachments") or ()],
        **shared,
    }


def _is_on(tracking: Mapping[str, Any], name: str) -> bool:
    """An account that was never asked tracks both."""
    return bool((tracking.get(name) or {}).get("enable", True))


def _attachment(given: Mapping[str, Any]) -> dict[str, Any]:
    """What it was, not what it held."""
    kept = {name: given.get(name) for name in ("filename", "type", "disposition", "content_id")}
    return {**kept, "bytes": len(given.get("content") or "") * 3 // 4}
