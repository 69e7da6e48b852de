"""How fast messages leave: the whole path (row → claim → decide → call → settle → interaction) beside the bare HTTP loop.

    .venv/bin/python bench/sending.py [--messages 2000]

Both run against the same emulator in the same run, so the ratio holds on a busy machine; the absolute figures do not.
"""

import argparse
import asyncio
import resource
import time
from pathlib import Path

from ground import free_share, own_engines


def measure(messages: int) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from communications.emulator.testing import running_emulator

    call_command("migrate", verbosity=0)
    settings.WAKE_WORKERS = False
    with running_emulator(Path(settings.DATA_DIR) / "emulator") as emulator:
        settings.TWILIO_BASE_URL = emulator.url
        emulator.callbacks(enabled=False)
        rows = [("share of a core that was free", f"{free_share():.2f}"), *whole_path(messages), *bare_loop(messages)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, figure in [*rows, ("peak memory of the sender", f"{memory:.0f} MB")]:
        print(f"{name:<44}{figure:>16}")


def whole_path(messages: int) -> list[tuple[str, str]]:
    from communications.actions.message_request import MessageRequest
    from communications.actions.messages import send_messages
    from communications.actions.schemas import save_schema
    from communications.models import MessageSchema
    from communications.sending.run import send_due
    from config.db import fetch_all

    schema = MessageSchema(
        code="BENCH", name="Bench", message_delivery_method="SMS", template_schema={"message": "Hi, {{ n }}"}
    )
    save_schema(schema)
    people = [
        MessageRequest(schema=schema, recipient=f"+1416{2_000_000 + n}", variables={"n": n}) for n in range(messages)
    ]
    began = time.perf_counter()
    send_messages(people)
    taken = time.perf_counter() - began
    wal, began = fetch_all("SELECT pg_current_wal_lsn()")[0][0], time.perf_counter()
    settled = send_due("transactional")
    sent = time.perf_counter() - began
    written = fetch_all("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [wal])[0][0]
    return [
        ("taken on, unknown numbers (messages/s)", f"{messages / taken:,.0f}"),
        ("sent, whole path (messages/s)", f"{settled / sent:,.0f}"),
        ("WAL per message while sending", f"{written / settled / 1000:.1f} kB"),
    ]


def bare_loop(messages: int) -> list[tuple[str, str]]:
    """The same calls with nothing around them: the limit."""
    from uuid import uuid4

    from communications.providers import loop, registry
    from communications.providers.base import OutboundMessage

    batch = [
        OutboundMessage(
            reference=uuid4(), channel="sms", recipient=f"+1647{2_000_000 + n}", sender="+15195550100", text=f"Hi, {n}"
        )
        for n in range(messages)
    ]
    provider = registry.get("twilio")
    loop.run(asyncio.sleep(0))
    began = time.perf_counter()
    loop.run(provider.send(batch))
    return [("the calls alone (messages/s)", f"{messages / (time.perf_counter() - began):,.0f}")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    arguments = parser.parse_args()
    with own_engines():
        measure(arguments.messages)
