"""One aiohttp application out of the parts; every provider adds its routes and its way to read the ledger."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from aiohttp import web

from communications.emulator import control
from communications.emulator.config import Settings
from communications.emulator.pages import frame, phones
from communications.emulator.runtime import RUNTIME, Runtime
from communications.emulator.sendgrid import activity, reading
from communications.emulator.sendgrid import api as sendgrid_api
from communications.emulator.sendgrid import control as mail_control
from communications.emulator.sendgrid import journal as sendgrid_journal
from communications.emulator.twilio import api as twilio_api
from communications.emulator.twilio import journal as twilio_journal

BODY_LIMIT = 32 * 1024 * 1024


def make_app(settings: Settings, data: Path) -> web.Application:
    app = web.Application(middlewares=[control.guard], client_max_size=BODY_LIMIT)
    app[RUNTIME] = Runtime.make(settings, data)
    app.add_routes(
        [
            *twilio_api.routes(),
            *sendgrid_api.routes(),
            *activity.routes(),
            *control.routes(),
            *mail_control.routes(),
            *phones.routes(),
            *frame.routes(),
        ]
    )
    app.cleanup_ctx.append(_life)
    return app


async def _life(app: web.Application) -> AsyncIterator[None]:
    """From the ledger's replay to its last flush."""
    runtime = app[RUNTIME]
    runtime.webhooks.open()
    runtime.feed.parts.browse = partial(reading.browse, runtime)
    entries = runtime.ledger.open()
    twilio_journal.restore(runtime, entries)
    sendgrid_journal.restore(runtime, entries)
    del entries
    runtime.callbacks.open()
    runtime.feed.open()
    yield
    await runtime.feed.close()
    await runtime.callbacks.close()
    await runtime.webhooks.close()
    await runtime.ledger.close()
