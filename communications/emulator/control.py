"""The control API under /_control/: JSON in, JSON out, for this machine only.

Ledger     GET ledger?kind=&since=&to=&reference=&limit=   GET ledger/count?kind=accepted&group_by=reference|to|body
Faults     GET, POST, DELETE faults   DELETE faults/{id}   POST seed {seed}   POST latency {ms, jitter_ms}
Callbacks  GET, POST callbacks   POST callbacks/flush {timeout_s}
Mails      see `sendgrid.control`
Phones     GET phones?q=&limit=   GET messages?to=&limit=   POST seen {address}   POST inbound {...}   GET, POST optouts
Itself     GET health   GET state   POST reset
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from communications.emulator import audit, phonebook
from communications.emulator.runtime import RUNTIME, OptOuts, Runtime
from communications.emulator.twilio import numbers
from communications.emulator.twilio.errors import ApiError
from communications.emulator.twilio.inbound import Heard, Writing, write

PREFIX = "/_control"
FLUSH_LIMIT = 30.0
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")

Values = dict[str, Any]


def routes() -> list[web.RouteDef]:
    table: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
        "GET /health": health,
        "GET /state": state,
        "POST /reset": reset,
        "GET /ledger": ledger,
        "GET /ledger/count": ledger_count,
        "GET /faults": list_faults,
        "POST /faults": add_fault,
        "DELETE /faults": clear_faults,
        "DELETE /faults/{id}": clear_faults,
        "POST /seed": seed,
        "POST /latency": latency,
        "GET /callbacks": show_callbacks,
        "POST /callbacks": set_callbacks,
        "POST /callbacks/flush": flush_callbacks,
        "GET /phones": phones,
        "GET /messages": messages,
        "POST /seen": seen,
        "POST /inbound": inbound,
        "GET /optouts": show_optouts,
        "POST /optouts": set_optouts,
    }
    return [web.route(*_split(place), handler) for place, handler in table.items()]


def _split(place: str) -> tuple[str, str]:
    method, path = place.split(" ")
    return method, PREFIX + path


@web.middleware
async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """Control is for this machine, and not for a page of another site that happens to be open on it."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    origin = request.headers.get("Origin")
    if not _is_local(request.remote) or (origin and urlsplit(origin).netloc != request.host):
        return _problem("The control API answers this machine only.", 403)
    try:
        return await handler(request)
    except (ValueError, TypeError, KeyError) as error:
        return _problem(str(error), 400)


def _is_local(remote: str | None) -> bool:
    return remote is not None and ipaddress.ip_address(remote).is_loopback


def _problem(sentence: str, status: int) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


async def values_of(request: web.Request) -> Values:
    text = await request.text()
    values = json.loads(text) if text else {}
    if not isinstance(values, dict):
        raise ValueError("a JSON object is expected")
    return values


def _runtime(request: web.Request) -> Runtime:
    return request.app[RUNTIME]


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "messages": len(_runtime(request).store.messages)})


async def state(request: web.Request) -> web.Response:
    """Everything the home page shows, in one call."""
    runtime = _runtime(request)
    return web.json_response(
        {
            "ledger": dict(runtime.ledger.counts),
            "phones": len(runtime.store.phones),
            "mails": runtime.mailbox.total,
            "opted_out": len(runtime.store.opted_out),
            "faults": [asdict(rule) for rule in runtime.faults.rules],
            "latency": {"ms": runtime.faults.latency_ms, "jitter_ms": runtime.faults.jitter_ms},
            "callbacks": _callbacks(runtime),
            "inbound_url": runtime.settings.inbound_url,
            "events_url": runtime.settings.events_url,
            "account_sid": runtime.settings.account_sid,
            "sender": runtime.settings.sender,
        }
    )


async def reset(request: web.Request) -> web.Response:
    await _runtime(request).forget()
    return web.json_response({"status": "ok"})


async def ledger(request: web.Request) -> web.Response:
    """Oldest first; `since` is a sequence number (entries after it) or an ISO time (entries from it on)."""
    runtime, query = _runtime(request), request.query
    await runtime.ledger.settle()
    entries = await asyncio.to_thread(
        audit.select,
        runtime.ledger,
        kind=query.get("kind"),
        since=_since(query.get("since")),
        to=query.get("to"),
        reference=query.get("reference"),
        limit=int(query["limit"]) if query.get("limit") else None,
    )
    return web.json_response({"count": len(entries), "entries": entries})


def _since(given: str | None) -> int | float | None:
    if not given:
        return None
    return int(given) if given.isdecimal() else datetime.fromisoformat(given).timestamp()


async def ledger_count(request: web.Request) -> web.Response:
    """Answers "was anything accepted twice?": see `audit.count`."""
    runtime, query = _runtime(request), request.query
    await runtime.ledger.settle()
    names = tuple(query.get("group_by", "reference").split(","))
    counted = await asyncio.to_thread(audit.count, runtime.ledger, kind=query.get("kind", "accepted"), group_by=names)
    return web.json_response(counted)


async def list_faults(request: web.Request) -> web.Response:
    return web.json_response({"faults": [asdict(rule) for rule in _runtime(request).faults.rules]})


async def add_fault(request: web.Request) -> web.Response:
    return web.json_response(asdict(_runtime(request).faults.add(await values_of(request))), status=201)


async def clear_faults(request: web.Request) -> web.Response:
    wanted = request.match_info.get("id")
    _runtime(request).faults.clear(int(wanted) if wanted else None)
    return await list_faults(request)


async def seed(request: web.Request) -> web.Response:
    values = await values_of(request)
    _runtime(request).faults.chance.seed(values["seed"])
    return web.json_response({"seed": values["seed"]})


async def latency(request: web.Request) -> web.Response:
    faults, values = _runtime(request).faults, await values_of(request)
    faults.latency_ms, faults.jitter_ms = float(values.get("ms", 0)), float(values.get("jitter_ms", 0))
    return web.json_response({"ms": faults.latency_ms, "jitter_ms": faults.jitter_ms})


def _callbacks(runtime: Runtime) -> Values:
    queue, feed = runtime.callbacks, runtime.feed
    counts = {name: getattr(queue, name) + getattr(feed, name) for name in ("pending", "delivered", "failed")}
    return {**counts, "retrying": feed.retrying, "settings": asdict(queue.settings)}


async def show_callbacks(request: web.Request) -> web.Response:
    return web.json_response(_callbacks(_runtime(request)))


async def set_callbacks(request: web.Request) -> web.Response:
    runtime = _runtime(request)
    runtime.configure(await values_of(request))
    return web.json_response(_callbacks(runtime))


async def flush_callbacks(request: web.Request) -> web.Response:
    values = await values_of(request)
    return web.json_response(await _runtime(request).flush(float(values.get("timeout_s", FLUSH_LIMIT))))


async def phones(request: web.Request) -> web.Response:
    query = request.query
    limit = int(query.get("limit", phonebook.LIMIT))
    return web.json_response(phonebook.overview(_runtime(request).store, wanted=query.get("q", ""), limit=limit))


async def messages(request: web.Request) -> web.Response:
    """A phone's thread in both directions, oldest first; without `to`, the latest messages of all."""
    query = request.query
    limit = int(query.get("limit", phonebook.LIMIT))
    return web.json_response(phonebook.thread(_runtime(request).store, query.get("to"), limit=limit))


async def seen(request: web.Request) -> web.Response:
    values = await values_of(request)
    phone = _runtime(request).store.phones.get(values["address"])
    if phone is not None:
        phone.seen = len(phone.messages)
    return web.json_response({"unread": 0})


async def inbound(request: web.Request) -> web.Response:
    """Somebody writes; answers what the webhook said and what appeared on the phone."""
    runtime = _runtime(request)
    heard = await write(runtime, _writing(await values_of(request), runtime.settings.sender))
    return web.json_response(_heard(heard))


def _writing(values: Values, line: str) -> Writing:
    channel = values.get("channel", "sms")
    if channel not in ("sms", "whatsapp"):
        raise ValueError("channel is sms or whatsapp")
    sid = values.get("message_sid")
    if sid and not MESSAGE_SID.fullmatch(sid):
        raise ValueError("message_sid is SM or MM and 32 hexadecimal digits")
    return Writing(
        sender=_address(channel, values["from"]),
        to=_address(channel, values.get("to") or line),
        body=str(values.get("body", "")),
        media=tuple(_medium(item) for item in values.get("media", ())),
        name=str(values.get("name", "")),
        message_sid=sid,
        bad_signature=bool(values.get("bad_signature", False)),
        opt_out_type=values.get("opt_out_type"),
        url=values.get("url"),
    )


def _address(channel: str, given: str) -> str:
    """With the prefix of its channel; short codes stay as they are. A name can send, but nobody can answer it."""
    number = numbers.split(given.strip())[1]
    try:
        address = numbers.sender(f"whatsapp:{number}" if channel == "whatsapp" else number)
    except ApiError as error:
        raise ValueError(f"{given!r} is no phone number") from error
    if numbers.ALPHANUMERIC.fullmatch(address):
        raise ValueError(f"{given!r} is a name: nobody can answer it")
    return address


def _medium(item: str | Values) -> tuple[str, str]:
    if isinstance(item, str):
        return item, "image/jpeg"
    return item["url"], item.get("content_type", "image/jpeg")


def _heard(heard: Heard) -> Values:
    return {
        "sid": heard.message.sid,
        "address": heard.message.phone,
        "status": heard.reply.status,
        "body": heard.reply.body,
        "content_type": heard.reply.content_type,
        "attempts": heard.reply.attempts,
        "error": heard.error or heard.reply.error,
        "answers": [phonebook.view(answer) for answer in heard.answers],
    }


async def show_optouts(request: web.Request) -> web.Response:
    runtime = _runtime(request)
    pairs = [{"line": line, "phone": phone} for line, phone in sorted(runtime.store.opted_out)]
    return web.json_response({**asdict(runtime.opt_outs), "opted_out": pairs})


async def set_optouts(request: web.Request) -> web.Response:
    """Any field of `OptOuts`; the word lists replace what was there."""
    runtime, values = _runtime(request), await values_of(request)
    if unknown := set(values) - {item.name for item in fields(OptOuts)}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    words = {name: value for name, value in values.items() if name.endswith("_words")}
    runtime.opt_outs.configure(words=words, switches={k: v for k, v in values.items() if k not in words})
    return await show_optouts(request)
