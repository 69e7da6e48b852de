"""Email Activity: mails by the custom argument `m` that came with them, found in the ledger."""

import asyncio
import json
import mmap
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from communications.emulator import faults
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.sendgrid.api import authenticate
from communications.emulator.sendgrid.errors import Refusal, for_status

PATH = "/v3/messages"
_MOST_CONDITIONS = 160
_MOST_LISTED = 1_000
_CONDITION = re.compile(r"unique_args\['m'\]=\"([^\"]*)\"")
_ENDS = {"delivered": "delivered", "bounce": "not_delivered", "blocked": "not_delivered", "dropped": "not_delivered"}


def routes() -> list[web.RouteDef]:
    return [web.get(PATH, browse)]


async def browse(request: web.Request) -> web.Response:
    runtime = request.app[RUNTIME]
    answer = partial(_answer, runtime, request)
    await runtime.faults.wait()
    call = faults.Call(provider="sendgrid", method=request.method, path=request.path, to="", sender="", body="")
    fault = runtime.faults.draw(call) if runtime.faults.rules else None
    if fault is None:
        return await answer()
    return await faults.play(fault, request, answer=answer, refuse=for_status)


async def _answer(runtime: Runtime, request: web.Request) -> web.Response:
    try:
        authenticate(request, runtime.settings.api_key)
        references = _references(request.query.get("query", ""))
        limit = _limit(request.query.get("limit", "10"))
    except Refusal as refusal:
        return refusal.response()
    await runtime.ledger.settle()
    found = await asyncio.to_thread(_find, runtime.ledger.path, references)
    return web.json_response({"messages": [_listed(runtime, sid) for sid in found[:limit]]})


def _references(query: str) -> list[str]:
    """Raises Refusal. Of SendGrid's query language only what asks for mails by `m`, joined by OR."""
    conditions = query.split(" OR ")
    matches = [_CONDITION.fullmatch(condition.strip()) for condition in conditions]
    if len(matches) > _MOST_CONDITIONS or not all(matches):
        raise Refusal("invalid query", "query")
    return [match[1] for match in matches if match]


def _limit(text: str) -> int:
    """Raises Refusal."""
    if not text.isdecimal() or not 0 < int(text) <= _MOST_LISTED:
        raise Refusal("limit must be between 1 and 1000", "limit")
    return int(text)


def _find(ledger: Path, references: Sequence[str]) -> list[str]:
    """The ids of all mails with one of these references, in a thread."""
    if not ledger.stat().st_size:
        return []
    with ledger.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
        return [sid for reference in references for sid in _sids(lines, reference)]


def _sids(lines: mmap.mmap, reference: str) -> list[str]:
    wanted = f'"reference":{json.dumps(reference)}'.encode()
    found: list[str] = []
    at = lines.find(wanted)
    while at >= 0:
        end = lines.find(b"\n", at)
        entry: dict[str, Any] = json.loads(lines[lines.rfind(b"\n", 0, at) + 1 : end])
        if entry["kind"] == "accepted":
            found.append(entry["sid"])
        at = lines.find(wanted, end)
    return found


def _listed(runtime: Runtime, sid: str) -> dict[str, Any]:
    mail = runtime.mailbox.find(sid)
    letter = runtime.letters.of(mail)
    now = datetime.now(UTC).timestamp()
    history = mail.call.history(mail.index, now)
    events = [happening.event for happening in history]
    return {
        "from_email": letter.call["from"]["email"],
        "msg_id": f"{mail.call.message_id}.recvd-0.{mail.index}",
        "subject": letter.subject,
        "to_email": mail.to,
        "status": next((_ENDS[event] for event in reversed(events) if event in _ENDS), "processed"),
        "opens_count": events.count("open"),
        "clicks_count": events.count("click"),
        "last_event_time": datetime.fromtimestamp(history[-1].at if history else mail.call.created, UTC).isoformat(),
    }
