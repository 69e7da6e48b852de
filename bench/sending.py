"""How fast messages leave: the whole path (row → claim → decide → call → accepted → settled → interaction), e-mail and SMS.

    .venv/bin/python bench/sending.py [--messages 20000] [--full] [--latency 50] [--only email]

Two sender processes work as `make up` runs them, against the emulator, PostgreSQL and this program on the same machine.
Beside it, in the same run: the calls alone, and the plain design (one Celery task a message), so the ratios hold on a busy
machine; the absolute figures do not. `--full` sends 10,000, then 200,000, then 1,000,000 e-mails.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ground import ROOT, free_share, own_engines

SENDERS = 2
PLAIN_MESSAGES = 400
CHUNK = 20_000
SMS_TEXT = "Hi {{ firstName }}, your {{ serviceType }} visit is on {{ date }} at {{ time }}. Reply CONFIRM or CANCEL."


def prepare_schemas() -> dict[str, Any]:
    from communications.actions.schemas import save_schema
    from communications.models import MessageSchema
    from communications.rendering.designs import design

    offer = design("promotion")
    assert offer
    email = MessageSchema(**offer.as_initial())
    sms = MessageSchema(name="Bench", message_delivery_method="SMS", template_schema={"message": SMS_TEXT})
    return {"email": save_schema(email), "sms": save_schema(sms)}


def take_on(channel: str, version: Any, count: int, *, first: int) -> float:
    """Rows that wait, with their people and their consent. Returns rows inserted a second."""
    from config.db import copy_rows

    spent = 0.0
    for start in range(first, first + count, CHUNK):
        people = [_person(channel, n) for n in range(start, min(start + CHUNK, first + count))]
        copy_rows(people)
        if channel == "email":
            copy_rows([_consent(person) for person in people])
        batches, rows = _rows(channel, version, people)
        batches[0].__class__.objects.bulk_create(batches)
        began = time.perf_counter()
        copy_rows(rows)
        spent += time.perf_counter() - began
    return count / spent


def _person(channel: str, n: int) -> Any:
    from customers.models import Customer

    address = {"primary_email": f"p{n}@example.test"} if channel == "email" else {"phone": f"+1{4_160_000_000 + n}"}
    return Customer(first_name=f"John{n % 1000}", last_name="Smith", **address)


def _consent(person: Any) -> Any:
    from customers.models import ConsentEvent

    return ConsentEvent(
        customer=person,
        channel="email",
        address=person.primary_email,
        status="opt_in",
        purpose="marketing",
        source="web",
    )


def _rows(channel: str, version: Any, people: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    from django.conf import settings

    from communications.models import MessageData, SendBatch
    from communications.providers import registry
    from communications.rendering.liquid import compile_template
    from config.numbers import take_numbers

    provider = registry.name_for(channel)
    schema = version.message_schema
    numbers = iter(take_numbers("MSG", count=len(people)))
    text = compile_template(SMS_TEXT)
    batches, rows = [], []
    for start in range(0, len(people), 1_000):
        part = people[start : start + 1_000]
        batch = SendBatch(
            channel=channel, provider=provider, purpose=schema.purpose, schema_version=version, row_count=len(part)
        )
        batches.append(batch)
        for person in part:
            variables = {
                "firstName": person.first_name,
                "serviceType": "HVAC Maintenance",
                "date": "Nov 15, 2025",
                "time": "2:00 PM",
            }
            content = {"variables": variables, "subject": "Save 20%"}
            if channel == "sms":
                content = {"variables": variables, "finalMessage": text.render(variables)}
            rows.append(
                MessageData(
                    message_number=next(numbers),
                    message_schema=schema,
                    schema_version=version,
                    batch=batch,
                    customer=person,
                    recipient=person.primary_email or person.phone,
                    recipient_name=f"{person.first_name} Smith",
                    message_delivery_method=schema.message_delivery_method,
                    purpose=schema.purpose,
                    provider=provider,
                    sender=registry.sender_for(channel),
                    language="en",
                    content_data=content,
                    max_retries=settings.SEND_MAX_RETRIES,
                )
            )
    return batches, rows


@contextmanager
def senders(purpose: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Sender processes that are ready and wait for the word."""
    command = [sys.executable, "-W", "ignore", str(ROOT / "bench" / "sender.py"), purpose]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(SENDERS)
    ]
    try:
        for each in running:
            assert each.stdout and each.stdout.readline().strip() == "ready", "a sender did not start"
        yield running
    finally:
        for each in running:
            each.kill()
            each.wait()


def whole_path(channel: str, version: Any, count: int) -> dict[str, Any]:
    """Send what waits; what it took."""
    from config.db import fetch_all

    with senders(version.message_schema.purpose) as running:
        wal, began = fetch_all("SELECT pg_current_wal_lsn()")[0][0], time.perf_counter()
        for each in running:
            assert each.stdin
            each.stdin.write("go\n")
            each.stdin.flush()
        told = [json.loads(each.stdout.readline()) for each in running if each.stdout]
        seconds = time.perf_counter() - began
    left = fetch_all(
        "SELECT status, count(*) FROM f_message_data WHERE schema_version_id = %s GROUP BY 1", [version.pk]
    )
    steps: Counter[str] = Counter()
    for each in told:
        steps.update(each["steps"])
    return {
        "rate": count / seconds,
        "seconds": seconds,
        "wal": fetch_all("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [wal])[0][0] / count,
        "cpu": sum(each["cpu"] for each in told) / count * 1e6,
        "peak_mb": max(each["peak_mb"] for each in told),
        "steps": steps,
        "statuses": dict(left),
    }


def calls_alone(channel: str, version: Any, count: int) -> float:
    """The same calls with nothing around them, by one process: the limit."""
    from uuid import uuid4

    from communications.content import mail_of
    from communications.providers import loop, registry
    from communications.providers.base import EmailSlots, OutboundMessage
    from communications.tracking.links import personal_variables

    provider = registry.get(registry.name_for(channel) or "")
    sender = registry.sender_for(channel)
    batch = []
    for n in range(count):
        key = uuid4()
        message: dict[str, Any] = {
            "text": f"Hi John{n}, your visit is tomorrow.",
            "recipient": f"+1{6_470_000_000 + n}",
        }
        if channel == "email":
            mail = mail_of(version.pk)
            parts = mail.renderer.parts({"firstName": f"John{n}", **personal_variables(key)})
            slots = EmailSlots(subject=parts.subject, html=parts.html, text=parts.text)
            message = {"template": mail.template, "slots": slots, "recipient": f"bare{n}@example.test"}
        batch.append(OutboundMessage(reference=key, channel=channel, sender=sender, **message))
    loop.run(provider.send(batch[:10]))
    began = time.perf_counter()
    for start in range(0, count, 1_000):
        loop.run(provider.send(batch[start : start + 1_000]))
    return count / (time.perf_counter() - began)


def plain_design(channel: str, version: Any) -> float:
    """One Celery task a message, two worker processes."""
    from communications.models import MessageData
    from config.db import fetch_all

    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "celery",
        "--quiet",
        "-A",
        "plain",
        "worker",
        "-c",
        "2",
        "-l",
        "ERROR",
    ]
    worker = subprocess.Popen(command, cwd=ROOT / "bench", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        from plain import app

        ids = list(MessageData.objects.filter(schema_version=version, status="pending").values_list("pk", flat=True))
        app.send_task("plain.send_one", [str(ids[0])])
        sent = "SELECT count(*) FROM f_message_data WHERE schema_version_id = %s AND status = 'sent'"
        before = _until(lambda: fetch_all(sent, [version.pk])[0][0], at_least=1)
        began = time.perf_counter()
        for each in ids[1:]:
            app.send_task("plain.send_one", [str(each)])
        _until(lambda: fetch_all(sent, [version.pk])[0][0], at_least=before + len(ids) - 1)
        return (len(ids) - 1) / (time.perf_counter() - began)
    finally:
        worker.terminate()
        worker.wait(10)


def _until(look: Any, *, at_least: int) -> int:
    end = time.monotonic() + 120
    while (found := int(look())) < at_least:
        assert time.monotonic() < end, f"{found} of {at_least} after two minutes"
        time.sleep(0.02)
    return found


def measure(arguments: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from communications.emulator.testing import running_emulator

    call_command("migrate", verbosity=0)
    settings.WAKE_WORKERS = False
    with running_emulator(Path(settings.DATA_DIR) / "emulator") as emulator:
        settings.TWILIO_BASE_URL = settings.SENDGRID_BASE_URL = emulator.url
        os.environ |= {"TWILIO_BASE_URL": emulator.url, "SENDGRID_BASE_URL": emulator.url}
        emulator.callbacks(enabled=False)
        emulator.latency(arguments.latency)
        versions = prepare_schemas()
        print(f"share of a core that is free{'':<20}{free_share():>10.2f}")
        for channel in ("email", "sms") if not arguments.only else (arguments.only,):
            compare(channel, versions[channel], arguments.messages, latency=arguments.latency)
        if arguments.full:
            grow("email", versions["email"])


def compare(channel: str, version: Any, count: int, *, latency: int) -> None:
    from django.conf import settings

    from config.db import fetch_all

    take_on(channel, version, PLAIN_MESSAGES, first=90_000_000)
    plain = plain_design(channel, version) if not latency else None
    fetch_all("UPDATE send_batches SET state = 'cancelled' WHERE state = 'waiting'")
    inserted = take_on(channel, version, count, first=0)
    fetch_all("ANALYZE")
    whole = whole_path(channel, version, count)
    alone = calls_alone(channel, version, min(count, 5_000))
    print(f"\n{channel}, {count:,} messages")
    line("rows taken on (COPY, one process)", f"{inserted:,.0f}/s")
    line("whole path, two senders", f"{whole['rate']:,.0f}/s")
    line("the calls alone, one process", f"{alone:,.0f}/s")
    if latency:
        in_flight = SENDERS * settings.SEND_LANES * min(settings.PROVIDER_CONCURRENCY, settings.SEND_SLICE_SIZE)
        line("calls in flight ÷ latency", f"{in_flight / latency * 1000:,.0f}/s")
    if plain:
        line("one Celery task a message", f"{plain:,.0f}/s")
        line("whole path ÷ plain design", f"{whole['rate'] / plain:,.1f}")
    line("whole path ÷ the calls alone", f"{whole['rate'] / alone:,.2f}")
    show(whole)


def grow(channel: str, version: Any) -> None:
    """Is memory flat, and does the rate hold?"""
    first = 10_000_000
    for count in (10_000, 200_000, 1_000_000):
        inserted = take_on(channel, version, count, first=first)
        first += count
        whole = whole_path(channel, version, count)
        print(f"\n{channel}, {count:,} messages in one run")
        line("rows taken on (COPY, one process)", f"{inserted:,.0f}/s")
        line("whole path, two senders", f"{whole['rate']:,.0f}/s ({whole['seconds']:,.0f} s)")
        show(whole)


def show(whole: dict[str, Any]) -> None:
    line("WAL a message", f"{whole['wal'] / 1000:.1f} kB")
    line("CPU of the senders a message", f"{whole['cpu']:.0f} µs")
    line("peak memory of a sender", f"{whole['peak_mb']:.0f} MB")
    total = sum(whole["steps"].values())
    shares = ", ".join(f"{name.strip('_')} {value / total:.0%}" for name, value in whole["steps"].most_common(5))
    line("where the lanes' time went", shares)
    line("what became of the rows", ", ".join(f"{n:,} {status}" for status, n in sorted(whole["statuses"].items())))


def line(name: str, figure: str) -> None:
    print(f"  {name:<38}{figure:>18}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--latency", type=int, default=0, help="of the provider, in milliseconds")
    parser.add_argument("--only", choices=("email", "sms"))
    parser.add_argument("--full", action="store_true", help="then 10,000, 200,000 and 1,000,000 e-mails")
    arguments = parser.parse_args()
    with own_engines():
        measure(arguments)
