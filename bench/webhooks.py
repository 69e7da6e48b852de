"""How fast webhooks are acknowledged by a real web server, and how fast what they tell is folded into the messages.

    .venv/bin/python bench/webhooks.py [--posts 6000] [--events 20000]

The server runs with the Procfile's own flags; the client is a process of its own. The fold's bare statements run beside
it in the same run, so the ratio holds on a busy machine; the absolute figures do not. Ends with 1 when anything that was
acknowledged is not stored or not folded.
"""

import argparse
import base64
import hmac
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

from ground import ROOT, free_share, memory_of, own_engines, show
from posting import Posted, post_all, request

os.environ["PUBLIC_BASE_URL"] = "https://rapport.example"  # what providers sign; the server reads it too
FORM = "application/x-www-form-urlencoded"
A_POST = 500  # events
LIFE = ("processed", "delivered", "open", "click")
Rows = list[tuple[str, str]]


def measure(posts: int, events: int) -> bool:
    """Whether everything that was acknowledged is there."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    settings.WAKE_WORKERS = False  # the server wakes; this process is the worker
    show([("share of a core that was free", f"{free_share():.2f}")])
    texts, mails, others = sent(posts, "SMS"), sent(events // len(LIFE), "EMAIL"), sent(events // len(LIFE), "EMAIL")
    port = free_port()
    with web(port) as server:
        post_all(port, callbacks(texts[:200]))  # what a process learns once
        singles = post_all(port, callbacks(texts))
        show(acknowledged("one event a post", singles))
        show([("memory of the web server", f"{memory_of(server.pid):.0f} MB")])
        show(folded("one event a post", posts))
        arrays = post_all(port, event_posts(mails), connections=4)
    show(acknowledged(f"{A_POST} events a post", arrays))
    rate = fold(len(mails) * len(LIFE))
    limit = bare(others)
    show([("the bare statements (events/s)", f"{limit:,.0f}"), ("fold : bare statements", f"{rate / limit:.2f}")])
    show([("peak memory of the worker", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")])
    return all_there(singles.statuses.get(200, 0) + 200 + arrays.statuses.get(200, 0), texts, mails)


@contextmanager
def web(port: int, *, application: str = "config.wsgi:application") -> Iterator[subprocess.Popen[bytes]]:
    """The web server of the Procfile, with another application where one is named."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    command = next(line for line in lines if line.startswith("web:")).partition(":")[2]
    command = command.replace("config.wsgi:application", application)
    here = str(Path(sys.executable).parent)
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "PATH": f"{here}:{os.environ['PATH']}"}
    server = subprocess.Popen(["/bin/sh", "-c", command], cwd=ROOT, env=environment)
    try:
        wait_for(port)
        yield server
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The web server does not answer.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sent(count: int, method: str) -> list[UUID]:
    """Messages that a provider took, logged, as the sender leaves them."""
    from django.utils import timezone

    from communications.models import MessageData
    from config.db import copy_rows
    from config.numbers import take_numbers
    from customers.models import Customer
    from interactions.models import Interaction

    customers = [Customer(first_name="Jane") for _ in range(count)]
    copy_rows(customers)
    logged = [
        Interaction(interaction_number=number, customer=customer, interaction_type=method.lower(), channel="phone")
        for customer, number in zip(customers, take_numbers("INT", count=count), strict=True)
    ]
    copy_rows(logged)
    messages = [
        MessageData(
            message_number=number,
            customer=interaction.customer,
            interaction=interaction,
            recipient=f"{number}@example.com",
            message_delivery_method=method,
            provider="sendgrid",
            status="sent",
            sent_ts=timezone.now(),
            provider_message_id="taken" if method == "EMAIL" else "",
        )
        for interaction, number in zip(logged, take_numbers("MSG", count=count), strict=True)
    ]
    copy_rows(messages)
    return [message.pk for message in messages]


def callbacks(messages: Sequence[UUID]) -> list[bytes]:
    """As Twilio posts them: one event each, signed."""
    from django.conf import settings

    made = []
    for message in messages:
        path, sid = f"/api/webhooks/twilio/status?m={message}", f"SM{message.hex}"
        form = {"MessageSid": sid, "MessageStatus": "delivered", "SmsSid": sid, "SmsStatus": "delivered"}
        form |= {"To": "+14165551234", "From": "+15195550100", "ApiVersion": "2010-04-01"}
        form |= {"AccountSid": settings.TWILIO_ACCOUNT_SID, "RawDlrDoneDate": "2511151200"}
        text = settings.PUBLIC_BASE_URL + path + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.digest(settings.TWILIO_AUTH_TOKEN.encode(), text.encode(), sha1)).decode()
        headers = {"Content-Type": FORM, "X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        made.append(request(path, urlencode(form).encode(), headers))
    return made


def event_posts(messages: Sequence[UUID]) -> list[bytes]:
    """As SendGrid posts them: the life of every mail in arrays, signed."""
    from communications.emulator.sendgrid import signing

    at = int(time.time())
    told = [element(message, word, at + step) for step, word in enumerate(LIFE) for message in messages]
    bodies = [json.dumps(told[n : n + A_POST]).encode() for n in range(0, len(told), A_POST)]
    headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API"}
    return [request("/api/webhooks/sendgrid/events", body, headers | signing.headers(body, at=at)) for body in bodies]


def element(message: UUID, word: str, at: int) -> dict[str, object]:
    told = {"email": "jane.doe@example.com", "timestamp": at, "event": word, "m": str(message)}
    told |= {"sg_event_id": uuid4().hex, "sg_message_id": "taken.filter0001.16648.5515E0B88.0"}
    told |= {"smtp-id": "<14c5d75ce93.dfd.64b469@example.com>"}
    if word in ("open", "click"):
        told |= {"useragent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "ip": "192.0.2.1"}
    return told | ({"url": "https://shop.example/offer"} if word == "click" else {"response": "250 OK"})


def acknowledged(name: str, posted: Posted) -> Rows:
    waits = " / ".join(f"{posted.percentile(share) * 1000:.1f}" for share in (0.5, 0.95, 0.99))
    refused = {status: count for status, count in posted.statuses.items() if status != 200}
    rows = [
        (f"{name}: posts acknowledged/s", f"{posted.statuses.get(200, 0) / posted.seconds:,.0f}"),
        (f"{name}: p50 / p95 / p99 (ms)", waits),
    ]
    return [*rows, (f"{name}: refused", str(refused))] if refused else rows


def folded(name: str, events: int) -> Rows:
    from communications.actions.journal import process_due

    began = time.perf_counter()
    process_due()
    return [(f"{name}: worked off/s", f"{events / (time.perf_counter() - began):,.0f}")]


def fold(events: int) -> float:
    """Work off what lies in the journal; events a second."""
    from communications.actions.journal import process_due
    from config.db import fetch_all

    wal, began = fetch_all("SELECT pg_current_wal_lsn()")[0][0], time.perf_counter()
    process_due()
    seconds = time.perf_counter() - began
    written = fetch_all("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [wal])[0][0]
    show([(f"{A_POST} events a post: worked off (events/s)", f"{events / seconds:,.0f}")])
    show([("WAL per event", f"{written / events / 1000:.1f} kB")])
    return events / seconds


def bare(messages: Sequence[UUID]) -> float:
    """The limit: each event's row and its message's columns, from arrays that are ready, a post in one transaction."""
    import psycopg
    from django.db import connection

    batches = [batch for word in LIFE for batch in arrays_of(messages, word)]
    with psycopg.connect(**connection.get_connection_params() | {"context": None, "cursor_factory": None}) as bare_one:
        began = time.perf_counter()
        for batch in batches:
            with bare_one.transaction():
                bare_one.execute(BARE_INSERT, batch)
                bare_one.execute(BARE_UPDATE, batch)
        return len(messages) * len(LIFE) / (time.perf_counter() - began)


BARE_INSERT = """
INSERT INTO delivery_events (id, message_data_id, provider, event_id, kind, occurred_at, received_at, provider_message_id,
    error_code, reason, url, user_agent, payload)
SELECT id, message, 'sendgrid', id::text, %(kind)s, now(), now(), 'taken', '', '250 OK', '', '', '{"event": "delivered"}'
FROM unnest(%(ids)s::uuid[], %(messages)s::uuid[]) AS v(id, message) ON CONFLICT DO NOTHING
"""
BARE_UPDATE = """
UPDATE f_message_data AS t SET status = %(status)s, delivered_ts = now(), open_count = t.open_count + 1
FROM unnest(%(messages)s::uuid[]) AS v(id) WHERE t.id = v.id
"""


def arrays_of(messages: Sequence[UUID], word: str) -> Iterator[dict[str, object]]:
    kind = {"processed": "queued", "open": "opened", "click": "clicked"}.get(word, word)
    status = "sent" if word == "processed" else "delivered"
    for n in range(0, len(messages), A_POST):
        some = list(messages[n : n + A_POST])
        yield {"ids": [uuid4() for _ in some], "messages": some, "kind": kind, "status": status}


def all_there(posts: int, texts: Sequence[UUID], mails: Sequence[UUID]) -> bool:
    from communications.models import MessageData, WebhookDelivery

    stored = WebhookDelivery.objects.filter(state="done").count()
    told = MessageData.objects.filter(pk__in=[*texts, *mails], status="delivered").count()
    show([("acknowledged, stored and worked off", f"{posts:,} : {stored:,}")])
    show([("messages delivered", f"{told:,} of {len(texts) + len(mails):,}")])
    return posts == stored and told == len(texts) + len(mails)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=6_000, help="of one event each")
    parser.add_argument("--events", type=int, default=20_000, help=f"in posts of {A_POST}")
    arguments = parser.parse_args()
    with own_engines():
        held = measure(arguments.posts, arguments.events)
    sys.exit(0 if held else 1)
