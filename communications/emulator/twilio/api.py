"""The Messages resource over HTTP: create, fetch, list, cancel, delete.

The order of one send: rules of misbehaviour, credentials, validation, ledger (fsync), phone, callbacks, answer.
"""

import base64
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs

from aiohttp import web

from communications.emulator import faults
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.store import Message
from communications.emulator.twilio import journal, status
from communications.emulator.twilio.compose import Form, compose, new_sid, one, reference
from communications.emulator.twilio.errors import ApiError, for_status
from communications.emulator.twilio.resource import page, resource

BASE = "/2010-04-01/Accounts/{account}/Messages"
PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
CANCELABLE = ("queued", "accepted", "scheduled")

Handler = Callable[[Runtime, web.Request, Form], Awaitable[web.Response]]


def routes() -> list[web.RouteDef]:
    return [
        web.post(f"{BASE}.json", partial(_guarded, create)),
        web.get(f"{BASE}.json", partial(_guarded, listing)),
        web.get(f"{BASE}/{{sid}}.json", partial(_guarded, fetch)),
        web.post(f"{BASE}/{{sid}}.json", partial(_guarded, update)),
        web.delete(f"{BASE}/{{sid}}.json", partial(_guarded, delete)),
    ]


async def _guarded(handler: Handler, request: web.Request) -> web.Response:
    """Around every call: latency, rules of misbehaviour, credentials, Twilio's error bodies."""
    runtime = request.app[RUNTIME]
    form = parse_qs((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)
    answer = partial(_answer, handler, runtime, request, form, runtime.era)
    await runtime.faults.wait()
    fault = runtime.faults.draw(_call(request, form))
    if fault is None:
        return await answer()
    return await faults.play(fault, request, answer=answer, refuse=partial(_refuse, runtime, request, form))


def _call(request: web.Request, form: Form) -> faults.Call:
    return faults.Call(
        provider="twilio",
        method=request.method,
        path=request.path,
        to=one(form, "To"),
        sender=one(form, "From"),
        body=one(form, "Body"),
    )


async def _answer(handler: Handler, runtime: Runtime, request: web.Request, form: Form, era: int) -> web.Response:
    if era != runtime.era:
        return faults.drop(request)
    try:
        _authenticate(request, runtime)
        response = await handler(runtime, request, form)
    except ApiError as error:
        _note_refusal(runtime, request, form, code=error.code, status=error.status)
        response = error.response()
    except OSError:
        response = for_status(500)  # the ledger could not be written, so nothing was accepted
    response.headers["Twilio-Request-Id"] = new_sid("RQ")
    return response


def _refuse(runtime: Runtime, request: web.Request, form: Form, status_code: int) -> web.Response:
    _note_refusal(runtime, request, form, code=None, status=status_code)
    return for_status(status_code)


def _note_refusal(runtime: Runtime, request: web.Request, form: Form, *, code: int | None, status: int) -> None:
    """Attempts are evidence too (who was written to after an opt-out); look-ups are not."""
    if request.method != "POST" or "sid" in request.match_info:
        return
    sent = {"to": one(form, "To"), "from": one(form, "From"), "body": one(form, "Body")}
    ours = reference(one(form, "StatusCallback"))
    runtime.ledger.note("refused", {"provider": "twilio", **sent, "reference": ours, "code": code, "status": status})


def _authenticate(request: web.Request, runtime: Runtime) -> None:
    settings = runtime.settings
    pair = f"{settings.account_sid}:{settings.auth_token}".encode()
    expected = b"Basic " + base64.b64encode(pair)
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, expected) or request.match_info["account"] != settings.account_sid:
        raise ApiError(20003)


async def create(runtime: Runtime, request: web.Request, form: Form) -> web.Response:
    now = time.time()
    message = compose(form, runtime=runtime, at=now)
    await runtime.ledger.commit("accepted", journal.facts(message, request_id=new_sid("RQ")))
    runtime.store.add(message)
    answer = _shown(runtime, message, at=now, http_status=201)
    await runtime.callbacks.announce(status.chain(runtime.settings, message))
    return answer


async def fetch(runtime: Runtime, request: web.Request, form: Form) -> web.Response:
    return _shown(runtime, _find(runtime, request))


async def update(runtime: Runtime, request: web.Request, form: Form) -> web.Response:
    """Status=canceled stops what has not left; nothing else of a message can be changed here."""
    message = _find(runtime, request)
    if one(form, "Status") == "canceled":
        if message.status(time.time()) not in CANCELABLE:
            raise ApiError(30409)
        await runtime.ledger.commit("canceled", {"provider": "twilio", "sid": message.sid})
        message.canceled = time.time()
    return _shown(runtime, message)


async def delete(runtime: Runtime, request: web.Request, form: Form) -> web.Response:
    message = _find(runtime, request)
    await runtime.ledger.commit("deleted", {"provider": "twilio", "sid": message.sid})
    runtime.store.remove(message.sid)
    return web.Response(status=204)


async def listing(runtime: Runtime, request: web.Request, form: Form) -> web.Response:
    """Newest first, filtered by To, From and the day or moment it was sent (created, while it waits)."""
    query = request.query
    to, sender = query.get("To"), query.get("From")
    found = runtime.store.newest_first(to=to, sender=sender)
    matching = list(_dated(found, _period(query.items()), time.time()))
    filters = {name: value for name, value in query.items() if name not in ("PageSize", "Page", "PageToken")}
    return web.json_response(
        page(
            matching,
            account=request.match_info["account"],
            filters=filters,
            size=max(1, min(MAX_PAGE_SIZE, _number(query.get("PageSize"), PAGE_SIZE))),
            number=_number(query.get("Page"), 0),
            token=query.get("PageToken", ""),
        )
    )


def _find(runtime: Runtime, request: web.Request) -> Message:
    message = runtime.store.messages.get(request.match_info["sid"])
    if message is None:
        raise ApiError(20404, request.path)
    return message


def _shown(runtime: Runtime, message: Message, *, at: float | None = None, http_status: int = 200) -> web.Response:
    shown = resource(message, runtime.settings.account_sid, time.time() if at is None else at)
    return web.json_response(shown, status=http_status)


def _number(given: str | None, default: int) -> int:
    return int(given) if given and given.isdecimal() else default


def _period(parameters: Iterable[tuple[str, str]]) -> tuple[float, float]:
    """Epoch seconds, the end exclusive. In a query `DateSent>=x` is the parameter `DateSent>`; both are understood."""
    begin, end = 0.0, float("inf")
    for name, value in parameters:
        match name.rstrip("="):
            case "DateSent":
                begin, end = _span(value)
            case "DateSent>":
                begin = _span(value)[0]
            case "DateSent<":
                end = _span(value)[1]
    return begin, end


def _span(value: str) -> tuple[float, float]:
    """A day in UTC, or a second."""
    try:
        if len(value) == len("2025-01-31"):
            day = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            return day.timestamp(), (day + timedelta(days=1)).timestamp()
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ApiError(20001) from error
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return at, at + 1


def _dated(found: Iterable[Message], period: tuple[float, float], now: float) -> Iterable[Message]:
    """Dates are whole seconds on Twilio's wire, so they are compared as such."""
    for message in found:
        if period[0] <= int(message.sent_at(now) or message.created) < period[1]:
            yield message
