"""The event webhook's payload: what SendGrid says of each event, field for field."""

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from communications.emulator.ledger import encode
from communications.emulator.sendgrid import signing
from communications.emulator.sendgrid.fates import SUPPRESSED
from communications.emulator.sendgrid.letters import Letters
from communications.emulator.sendgrid.mailbox import Call
from communications.emulator.webhooks import Outgoing, RetryPolicy

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IP = "192.0.2.77"  # an address that documentation may use
# SendGrid waits ten seconds; trying again later is the feed's business.
POLICY = RetryPolicy(retries=0, on=frozenset(), connect=5.0, read=10.0, total=10.0)
DETAILS: Mapping[str, Mapping[str, Any]] = {
    "processed": {},
    "delivered": {"response": "250 2.0.0 OK", "ip": IP, "tls": 1},
    "deferred": {"response": "451 4.7.1 Try again later", "attempt": "1", "ip": IP, "tls": 1},
    "bounce": {
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "status": "5.1.1",
        "type": "bounce",
        "bounce_classification": "Invalid Address",
        "ip": IP,
        "tls": 1,
    },
    "blocked": {
        "reason": "554 5.7.1 Message refused as likely unsolicited.",
        "status": "5.7.1",
        "type": "blocked",
        "bounce_classification": "Reputation",
        "ip": IP,
        "tls": 1,
    },
    "dropped": {"reason": "Invalid SMTPAPI header", "status": "5.0.0"},
    "open": {"useragent": BROWSER, "ip": IP, "sg_content_type": "html", "sg_machine_open": False},
    "click": {"useragent": BROWSER, "ip": IP, "url": "", "url_offset": {"index": 0, "type": "html"}},
    "spamreport": {},
    "unsubscribe": {},
}
# A blocked mail is a bounce in SendGrid's words, of another type.
NAMES = {"blocked": "bounce"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """The same event of several mails of one call. `number` tells repeats apart, `more` is what only this one has."""

    call: Call
    event: str
    indexes: Sequence[int]
    at: float
    number: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)

    def of(self, indexes: Sequence[int]) -> "Wave":
        return replace(self, indexes=indexes)


def payload(waves: Iterable[Wave], letters: Letters, suppressed: Mapping[str, str]) -> bytes:
    """As posted: an event on each line, and a line feed at the end that belongs to what is signed."""
    lines = [encode(event) for wave in waves for event in _events(wave, letters, suppressed)]
    return ("[" + ",\r\n".join(lines) + "]\r\n").encode()


def _events(wave: Wave, letters: Letters, suppressed: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    call, stamp = wave.call, int(min(wave.at, time.time()))
    name, details = NAMES.get(wave.event, wave.event), {**DETAILS[wave.event], **wave.more}
    for index in wave.indexes:
        letter, address = letters.read(call, index), call.people[index]
        categories = letter.call.get("categories")
        yield {
            **letter.arguments,
            "email": address,
            "timestamp": stamp,
            "smtp-id": f"<{call.message_id}@geopod-ismtpd-0>",
            "event": name,
            **({"category": categories} if categories else {}),
            "sg_event_id": event_id(wave, index),
            "sg_message_id": f"{call.message_id}.recvd-emulator-1-{int(call.created):X}-{index:X}.0",
            **details,
            **(_dropped(suppressed, address) if call.fate(index) == SUPPRESSED and name == "dropped" else {}),
        }


def _dropped(suppressed: Mapping[str, str], address: str) -> Mapping[str, str]:
    return {"reason": suppressed.get(address.lower(), "Bounced Address")}


def event_id(wave: Wave, index: int) -> str:
    """The same for the same event, however often it is posted."""
    text = f"{wave.event}-{wave.number}-{index}-{wave.call.message_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def signed(url: str, body: bytes, *, forged: bool) -> Outgoing:
    signature = signing.headers(body, at=int(time.time()), owner=signing.FORGER if forged else signing.OWN)
    headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API", **signature}
    return Outgoing(url=url, body=body, headers=headers, policy=POLICY)


def waves(call: Call) -> list[Wave]:
    """All that is planned for a call, what everybody has in common as one wave."""
    if not call.watched:
        return []
    grouped: dict[tuple[float, str], list[int]] = {}
    for fate, indexes in _by_fate(call).items():
        for event, at in call.steps(fate):
            grouped.setdefault((at, event), []).extend(indexes)
    return [Wave(call=call, event=event, indexes=indexes, at=at) for (at, event), indexes in sorted(grouped.items())]


def _by_fate(call: Call) -> Mapping[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index in range(len(call.people)):
        groups.setdefault(call.fate(index), []).append(index)
    return groups
