"""The plain Mail Send, for the front door: the same mails, ledger lines and answer as `api.send`, with less ceremony."""

import time
from collections.abc import Callable
from functools import partial

from communications.emulator.ledger import Place
from communications.emulator.runtime import Runtime
from communications.emulator.sendgrid import events
from communications.emulator.sendgrid.api import draft, take_in
from communications.emulator.sendgrid.compose import Draft
from communications.emulator.sendgrid.errors import Refusal

Tell = Callable[[bytes | None], None]


def take(runtime: Runtime, authorization: bytes, body: bytes, tell: Tell) -> bool:
    """False: something about it is not plain. Else `tell` gets the whole answer, after the ledger is written."""
    if authorization != b"Bearer " + runtime.settings.api_key.encode():
        return False
    try:
        ready = draft(runtime, body)
        runtime.ledger.append(ready.entries, partial(_taken, runtime, ready, time.time(), tell))
    except (Refusal, UnicodeEncodeError):
        return False
    return True


def _taken(runtime: Runtime, ready: Draft, at: float, tell: Tell, place: Place | OSError) -> None:
    if isinstance(place, OSError):
        tell(None)
        return
    call = take_in(runtime, ready, at=at, place=place)
    tell(f"HTTP/1.1 202 Accepted\r\nX-Message-Id: {ready.message_id}\r\nContent-Length: 0\r\n\r\n".encode())
    runtime.feed.add(events.waves(call))
