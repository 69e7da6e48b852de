"""The plain send, for the front door: the same message, ledger line and answer as `api.create`, with less ceremony."""

import base64
import time
from collections.abc import Callable
from functools import lru_cache, partial
from urllib.parse import unquote_to_bytes

from communications.emulator.config import Settings
from communications.emulator.ledger import Place, encode
from communications.emulator.runtime import Runtime
from communications.emulator.store import Message
from communications.emulator.twilio import journal, status
from communications.emulator.twilio.compose import Form, compose, new_sid
from communications.emulator.twilio.errors import ApiError
from communications.emulator.twilio.resource import VERSION, created

SEPARATOR, ESCAPED = b"\x1e", b"%1"
Tell = Callable[[bytes | None], None]


def path(settings: Settings) -> str:
    return f"/{VERSION}/Accounts/{settings.account_sid}/Messages.json"


def take(runtime: Runtime, authorization: bytes, body: bytes, tell: Tell) -> bool:
    """False: something about it is not plain. Else `tell` gets the whole answer, after the ledger is written."""
    if authorization != _expected(runtime.settings.account_sid, runtime.settings.auth_token):
        return False
    now = time.time()
    try:
        message = compose(_form(body), runtime=runtime, at=now)
    except (ApiError, ValueError):
        return False
    request_id = new_sid("RQ")
    line = encode(journal.facts(message, request_id=request_id))
    runtime.ledger.append([("accepted", line)], partial(_taken, runtime, message, request_id, tell))
    return True


def _taken(runtime: Runtime, message: Message, request_id: str, tell: Tell, place: Place | OSError) -> None:
    if isinstance(place, OSError):
        tell(None)
        return
    runtime.store.add(message)
    tell(_response(created(message, runtime.settings.account_sid).encode(), request_id))
    runtime.callbacks.add(status.chain(runtime.settings, message))


def _response(body: bytes, request_id: str) -> bytes:
    head = (
        "HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Twilio-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@lru_cache(maxsize=1)
def _expected(account: str, token: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{account}:{token}".encode())


def _form(body: bytes) -> Form:
    """All of it is decoded at once, so the separator must not be in it, escaped or not. ValueError: it is."""
    if ESCAPED in body or SEPARATOR in body:
        raise ValueError("not plain")
    form: dict[str, list[str]] = {}
    for pair in unquote_to_bytes(body.replace(b"+", b" ").replace(b"&", SEPARATOR)).decode().split(SEPARATOR.decode()):
        name, _, value = pair.partition("=")
        form.setdefault(name, []).append(value)
    return form
