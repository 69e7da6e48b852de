"""Mail Send over HTTP. The order of one call: rules of misbehaviour, key, validation, ledger (fsync), mailbox, events, answer."""

import hmac
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from communications.emulator import faults
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.sendgrid import limits
from communications.emulator.sendgrid.compose import Fortune, compose
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
    return faults.Call(
        provider="sendgrid",
        method=request.method,
        path=request.path,
        to="\n".join(_addresses(payload)),
        sender=str((payload.get("from") or {}).get("email", "")),
        body=str(payload.get("subject", "")),
    )


async def _answer(runtime: Runtime, request: web.Request, body: bytes | None, era: int) -> web.Response:
    if era != runtime.era:
        return faults.drop(request)
    try:
        _authenticate(request, runtime.settings.api_key)
        return await accept(runtime, body)
    except Refusal as refusal:
        _note_refusal(runtime, body, status=refusal.status, message=refusal.message, field=refusal.field)
        return refusal.response()
    except OSError:
        return for_status(500)  # the ledger could not be written, so nothing was accepted


def _authenticate(request: web.Request, key: str) -> None:
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, b"Bearer " + key.encode()):
        raise Refusal(SENTENCES[401], status=401)


async def accept(runtime: Runtime, body: bytes | None) -> web.Response:
    """Raises Refusal, or OSError when the ledger cannot be written."""
    if body is None or len(body) > limits.MOST_BYTES:
        raise Refusal(SENTENCES[413], status=413)
    mailbox, settings = runtime.mailbox, runtime.callbacks.settings
    draft = compose(
        _payload(body),
        size=len(body),
        fortune=Fortune(suppressed=mailbox.suppressed, plan=runtime.plan, chance=runtime.faults.chance),
        delays=settings.delays_ms,
        watched=settings.enabled,
    )
    created = time.time()
    place = await runtime.ledger.commit_block(draft.entries)
    call = Call(
        message_id=draft.message_id,
        created=created,
        people=draft.people,
        delays=settings.delays_ms,
        watched=settings.enabled,
        open_tracking=draft.open_tracking,
        click_tracking=draft.click_tracking,
        place=place,
        fates=draft.fates,
    )
    mailbox.add(call)
    await runtime.feed.announce(call)
    return web.Response(status=202, headers={"X-Message-Id": draft.message_id})


def _payload(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Refusal("Bad Request") from error


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
        return [str(entry["email"]) for person in payload["personalizations"] for entry in person["to"]]
    except (KeyError, TypeError):
        return []
