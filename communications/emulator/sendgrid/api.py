"""Mail Send over HTTP. The order of one call: rules of misbehaviour, key, validation, ledger (fsync), mailbox, events, answer."""

import hmac
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from communications.emulator import faults
from communications.emulator.ledger import Place
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.sendgrid import limits
from communications.emulator.sendgrid.compose import Draft, Fortune, compose
from communications.emulator.sendgrid.errors import SENTENCES, Refusal, for_status
from communications.emulator.sendgrid.mailbox import Call

PATH = "/v3/mail/send"


def routes() -> list[web.RouteDef]:
    return [web.post(PATH, send)]


async def send(request: web.Request) -> web.Response:
    runtime = request.app[RUNTIME]
    body = await _body(request)
    answer = partial(_answer, runtime, request, body, runtime.era)
    await runtime.faults.wait()
    fault = runtime.faults.draw(_call(request, body)) if runtime.faults.rules else None
    if fault is None:
        return await answer()
    response = await faults.play(fault, request, answer=answer, refuse=partial(_refuse, runtime, body))
    if fault.mode is faults.Mode.TRUNCATED:
        response.headers.popall("X-Message-Id", None)
    return response


async def _body(request: web.Request) -> bytes | None:
    """None: too large to be read."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return None


def _call(request: web.Request, body: bytes | None) -> faults.Call:
    payload = _lenient(body)
    sender = payload.get("from")
    return faults.Call(
        provider="sendgrid",
        method=request.method,
        path=request.path,
        to="\n".join(_addresses(payload)),
        sender=str(sender.get("email", "")) if isinstance(sender, dict) else "",
        body=str(payload.get("subject", "")),
    )


async def _answer(runtime: Runtime, request: web.Request, body: bytes | None, era: int) -> web.Response:
    if era != runtime.era:
        return faults.drop(request)
    try:
        authenticate(request, runtime.settings.api_key)
        return await accept(runtime, body)
    except Refusal as refusal:
        _note_refusal(runtime, body, status=refusal.status, message=refusal.message, field=refusal.field)
        return refusal.response()
    except OSError:
        return for_status(500)  # the ledger could not be written, so nothing was accepted


def authenticate(request: web.Request, key: str) -> None:
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, b"Bearer " + key.encode()):
        raise Refusal(SENTENCES[401], status=401)


async def accept(runtime: Runtime, body: bytes | None) -> web.Response:
    """Raises Refusal, or OSError when the ledger cannot be written."""
    ready, at = draft(runtime, body), time.time()
    try:
        place = await runtime.ledger.commit_block(ready.entries)
    except UnicodeEncodeError as error:
        raise Refusal(SENTENCES[400]) from error
    call = take_in(runtime, ready, at=at, place=place)
    await runtime.feed.announce(call)
    return web.Response(status=202, headers={"X-Message-Id": ready.message_id})


def draft(runtime: Runtime, body: bytes | None) -> Draft:
    """Raises Refusal."""
    if body is None or len(body) > limits.MOST_BYTES:
        raise Refusal(SENTENCES[413], status=413)
    settings = runtime.callbacks.settings
    fortune = Fortune(suppressed=runtime.mailbox.suppressed, plan=runtime.plan, chance=runtime.faults.chance)
    try:
        payload = json.loads(body)
        return compose(payload, size=len(body), fortune=fortune, delays=settings.delays_ms, watched=settings.enabled)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise Refusal(SENTENCES[400]) from error  # no JSON, or of a shape that SendGrid does not know


def take_in(runtime: Runtime, ready: Draft, *, at: float, place: Place) -> Call:
    """What was written to the ledger arrives in the mailboxes."""
    call = Call(
        message_id=ready.message_id,
        created=at,
        people=ready.people,
        delays=ready.delays,
        watched=ready.watched,
        open_tracking=ready.open_tracking,
        click_tracking=ready.click_tracking,
        place=place,
        fates=ready.fates,
    )
    runtime.mailbox.add(call)
    return call


def _refuse(runtime: Runtime, body: bytes | None, status: int) -> web.Response:
    _note_refusal(runtime, body, status=status, message=SENTENCES.get(status, ""), field=None)
    return for_status(status)


def _note_refusal(runtime: Runtime, body: bytes | None, *, status: int, message: str, field: str | None) -> None:
    """One line for the whole call: to whom it would have gone, and why it did not."""
    facts = {"provider": "sendgrid", "status": status, "code": None, "message": message, "field": field}
    people = _addresses(_lenient(body))
    runtime.ledger.note("refused", {**facts, "people": len(people), "to": people[0] if people else None})


def _lenient(body: bytes | None) -> Mapping[str, Any]:
    """What can be read of a payload that may be anything."""
    try:
        payload = json.loads(body or b"")
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _addresses(payload: Mapping[str, Any]) -> list[str]:
    try:
        everybody = [str(entry["email"]) for person in payload["personalizations"] for entry in person["to"]]
    except (KeyError, TypeError):
        return []
    return [address.encode(errors="replace").decode() for address in everybody]
