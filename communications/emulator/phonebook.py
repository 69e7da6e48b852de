"""What the phones page reads: the list of phones, and one phone's thread."""

import time
from itertools import islice
from typing import Any

from communications.emulator.store import Message, Phone, Store
from communications.emulator.twilio import segments

LIMIT = 200


def overview(store: Store, *, wanted: str, limit: int) -> dict[str, Any]:
    """The phones with the latest activity first, those whose address contains `wanted`."""
    found = (phone for phone in reversed(store.phones.values()) if wanted in phone.address and phone.messages)
    stopped = {phone for _, phone in store.opted_out}
    shown = [_line(phone, phone.address in stopped) for phone in islice(found, limit)]
    return {"total": len(store.phones), "phones": shown}


def _line(phone: Phone, opted_out: bool) -> dict[str, Any]:
    last = phone.messages[-1]
    return {
        "address": phone.address,
        "channel": last.channel,
        "unread": phone.unread,
        "opted_out": opted_out,
        "count": len(phone.messages),
        "last": view(last),
    }


def thread(store: Store, address: str | None, *, limit: int) -> dict[str, Any]:
    """The last `limit` messages, oldest first, of one phone or of all."""
    everything = store.newest_first()
    if address:
        phone = store.phones.get(address)
        everything = reversed(phone.messages if phone else [])
    latest = list(islice(everything, limit))[::-1]
    lines = sorted(line for line, person in store.opted_out if person == address)
    return {"address": address, "messages": [view(message) for message in latest], "stopped_lines": lines}


def view(message: Message) -> dict[str, Any]:
    """A message as a person sees it; times are epoch seconds."""
    now = time.time()
    return {
        "sid": message.sid,
        "provider": message.provider,
        "channel": message.channel,
        "direction": "outbound" if message.outbound else "inbound",
        "origin": message.origin,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "media": list(message.media),
        "status": message.status(now),
        "error_code": message.failed_with(now),
        "segments": message.segments,
        "encoding": segments.encoding(message.body),
        "created": message.created,
        "updated": message.updated_at(now),
        "reference": message.reference,
    }
