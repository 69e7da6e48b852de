"""The control API's part about mails, under /_control/.

Mails   GET mails?q=&limit=   GET mails/{sid}   GET, POST plan {bounced, opened, clicked}   GET, DELETE suppressions
Events  POST mails/{sid}/events {event, ...}: SendGrid tells it, whatever the mail's tracking
People  POST mails/{sid}/open {load}   POST mails/{sid}/click {url}   POST mails/{sid}/unsubscribe
"""

import time
from dataclasses import asdict
from typing import Any

from aiohttp import web

from communications.emulator.control import PREFIX, values_of
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.sendgrid import reading
from communications.emulator.sendgrid.letters import CLIPPED_BYTES, Letter
from communications.emulator.sendgrid.mailbox import Happening, Mail
from communications.emulator.sendgrid.reading import Visit

LIMIT = 200
ONE = f"{PREFIX}/mails/{{sid}}"


def routes() -> list[web.RouteDef]:
    return [
        web.get(f"{PREFIX}/mails", listing),
        web.get(ONE, shown),
        web.post(f"{ONE}/events", event),
        web.post(f"{ONE}/open", opened),
        web.post(f"{ONE}/click", clicked),
        web.post(f"{ONE}/unsubscribe", unsubscribed),
        web.get(f"{PREFIX}/plan", show_plan),
        web.post(f"{PREFIX}/plan", set_plan),
        web.get(f"{PREFIX}/suppressions", suppressions),
        web.delete(f"{PREFIX}/suppressions", clear_suppressions),
    ]


async def listing(request: web.Request) -> web.Response:
    """The latest mails, newest first; `q` is a part of the address."""
    runtime, query = request.app[RUNTIME], request.query
    found = runtime.mailbox.latest(int(query.get("limit", LIMIT)), query.get("q", ""))
    return web.json_response({"total": runtime.mailbox.total, "mails": [_line(runtime, mail) for mail in found]})


async def shown(request: web.Request) -> web.Response:
    runtime, mail = _named(request)
    letter, now = runtime.letters.of(mail), time.time()
    size = len(letter.html.encode())
    whole = {
        "reply_to": letter.reply_to,
        "headers": dict(letter.headers),
        "text": letter.text,
        "html": letter.html,
        "html_bytes": size,
        "clipped": size > CLIPPED_BYTES,
        "attachments": list(letter.call["attachments"]),
        "links": reading.links_of(letter),
        "one_click": reading.one_click_url(letter),
        "open_tracking": mail.call.open_tracking,
        "click_tracking": mail.call.click_tracking,
        "arguments": dict(letter.arguments),
        "people": len(mail.call.people),
        "events": [_event(happening) for happening in mail.call.history(mail.index, now)],
    }
    return web.json_response({**_line(runtime, mail), **whole})


async def event(request: web.Request) -> web.Response:
    """Beside `event` the body may hold fields that replace SendGrid's, such as `reason` or `url`."""
    runtime, mail = _named(request)
    more = await values_of(request)
    return web.json_response(_event(await reading.happen(runtime, mail, str(more.pop("event", "")), more)), status=201)


async def opened(request: web.Request) -> web.Response:
    runtime, mail = _named(request)
    load = (await values_of(request)).get("load", True)
    return _visits(await reading.open_mail(runtime, mail, load=bool(load)))


async def clicked(request: web.Request) -> web.Response:
    runtime, mail = _named(request)
    return _visits(await reading.click(runtime, mail, (await values_of(request)).get("url")))


async def unsubscribed(request: web.Request) -> web.Response:
    runtime, mail = _named(request)
    return _visits(await reading.unsubscribe(runtime, mail))


async def show_plan(request: web.Request) -> web.Response:
    return web.json_response(asdict(request.app[RUNTIME].plan))


async def set_plan(request: web.Request) -> web.Response:
    runtime = request.app[RUNTIME]
    runtime.plan = runtime.plan.merged(await values_of(request))
    return await show_plan(request)


async def suppressions(request: web.Request) -> web.Response:
    return web.json_response({"suppressed": request.app[RUNTIME].mailbox.suppressed})


async def clear_suppressions(request: web.Request) -> web.Response:
    """Everybody is written to again, or `?address=` alone."""
    suppressed, address = request.app[RUNTIME].mailbox.suppressed, request.query.get("address")
    for known in [known for known in suppressed if address in (None, known)]:
        del suppressed[known]
    return await suppressions(request)


def _named(request: web.Request) -> tuple[Runtime, Mail]:
    runtime = request.app[RUNTIME]
    return runtime, runtime.mailbox.find(request.match_info["sid"])


def _line(runtime: Runtime, mail: Mail) -> dict[str, Any]:
    letter = runtime.letters.of(mail)
    history = mail.call.history(mail.index, time.time())
    return {
        "sid": mail.sid,
        "message_id": mail.call.message_id,
        "address": mail.to,
        "from": letter.sender,
        "to": letter.to,
        "subject": letter.subject,
        "preview": _preview(letter),
        "created": mail.call.created,
        "status": history[-1].event if history else "accepted",
        "reference": letter.own["reference"],
    }


def _preview(letter: Letter) -> str:
    return " ".join(letter.text[:400].split())[:160]


def _event(happening: Happening) -> dict[str, Any]:
    return {"event": happening.event, "at": happening.at, "number": happening.number}


def _visits(visits: list[Visit]) -> web.Response:
    return web.json_response({"visits": [_visit(visit) for visit in visits]})


def _visit(visit: Visit) -> dict[str, Any]:
    reply = visit.reply
    answer = {"status": reply.status, "error": reply.error} if reply else {"status": None, "error": "elsewhere"}
    return {"method": visit.method, "url": visit.url, **answer}
