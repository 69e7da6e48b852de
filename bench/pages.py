"""How fast the API lists messages from a million of them, beside the plain way: ModelSerializer and page numbers.

    .venv/bin/python bench/pages.py [--rows 1000000] [--pages 4000]

Both are served by the Procfile's own web server, one after the other, on the same rows; the client is a process of its
own with 16 connections. The ratio holds on a busy machine; the absolute figures do not. Ends with 1 when anything but a
page was answered.
"""

import argparse
import itertools
import json
import os
import random
import sys
import urllib.request
from collections.abc import Sequence

from ground import ROOT, free_share, memory_of, own_engines, show
from posting import Posted, post_all, request
from webhooks import free_port, web

ADDRESS = "/api/v1/message-data"
CHUNK = 50_000
PAGE = 25
CUSTOMERS = 1_000
PROGRAMS = 40
Rows = list[tuple[str, str]]


def measure(rows: int, pages: int) -> bool:
    """Whether all answers were pages."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    customers = fill(rows)
    headers = [{"Authorization": f"Bearer {token}", "Accept": "application/json"} for token in tokens()]
    show([("messages", f"{rows:,}"), ("share of a core that was free", f"{free_share():.2f}")])
    luck, port = random.Random(26), free_port()
    with web(port) as server:
        cursors = deep_cursors(port, headers[0], rows)
        ways = {
            "first page": [ADDRESS],
            "anywhere by cursor": [f"{ADDRESS}?cursor={cursor}" for cursor in cursors],
            "of a customer": [f"{ADDRESS}?customer={customer}" for customer in customers],
            "failed ones": [f"{ADDRESS}?status=failed"],
        }
        got = [asked(name, port, drawn(luck, ways[name], pages), headers) for name in ways]
        show([("memory of the web server", f"{memory_of(server.pid):.0f} MB")])
    plain_port = free_port()
    with web(plain_port, application="plain_pages:application"):
        deep = [f"{ADDRESS}?page={luck.randint(1, rows // PAGE)}" for _ in range(pages)]
        plain_first = asked("plain: first page", plain_port, [ADDRESS] * (pages // 20), headers)
        plain = asked("plain: anywhere by number", plain_port, deep[: pages // 20], headers)
    show([("first page: ours to plain", ratio(got[0], plain_first)), ("anywhere: ours to plain", ratio(got[1], plain))])
    return all(set(each.statuses) == {200} for each in (*got, plain_first, plain))


def fill(rows: int) -> list[str]:
    """`rows` messages of a thousand customers, one of a hundred failed."""
    from django.utils import timezone

    from communications.models import MessageData
    from config.db import copy_rows, fetch_all
    from config.numbers import take_numbers
    from customers.models import Customer

    customers = [Customer(first_name="Jane") for _ in range(CUSTOMERS)]
    copy_rows(customers)
    for start in range(0, rows, CHUNK):
        numbers = take_numbers("MSG", count=min(CHUNK, rows - start))
        copy_rows(
            [
                MessageData(
                    message_number=number,
                    customer=customers[place % CUSTOMERS],
                    recipient=f"{number}@example.com",
                    message_delivery_method="EMAIL",
                    provider="sendgrid",
                    status="failed" if place % 100 == 0 else "sent",
                    sent_ts=timezone.now(),
                )
                for place, number in enumerate(numbers)
            ]
        )
    fetch_all("ANALYZE f_message_data; SELECT 1")
    return [str(customer.pk) for customer in customers]


def tokens() -> list[str]:
    """Of programs in the group that the database comes with, so many that none meets its limit."""
    from django.contrib.auth.models import Group

    from config.accounts.models import ApiToken, User

    made = []
    for number in range(PROGRAMS):
        user = User.objects.create(email=f"bench-{number}@example.com", name="Bench")
        user.groups.set(Group.objects.filter(name="API client"))
        made.append(ApiToken.objects.create(user=user, name="Bench", scopes=["message-data:read"])[1])
    return made


def deep_cursors(port: int, headers: dict[str, str], rows: int) -> list[str]:
    """Of pages all over the list."""
    from communications.models import MessageData
    from config.api.listing import Cursor

    places = random.Random(7).sample(range(rows), 200)
    ids = MessageData.objects.order_by("-id").values_list("id", flat=True)
    every = list(ids.iterator(chunk_size=CHUNK))
    cursors = [Cursor(value=str(every[place]), pk=str(every[place])).encode() for place in places]
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{ADDRESS}?cursor={cursors[0]}", headers=headers)
    with urllib.request.urlopen(asked) as answer:
        assert len(json.load(answer)["results"]) in range(1, PAGE + 1)
    return cursors


def drawn(luck: random.Random, addresses: Sequence[str], count: int) -> list[str]:
    return luck.choices(addresses, k=count)


def asked(name: str, port: int, addresses: Sequence[str], headers: Sequence[dict[str, str]]) -> Posted:
    callers = itertools.cycle(headers)
    requests = [request(address, b"", next(callers), method="GET") for address in addresses]
    post_all(port, requests[:200])  # what a process learns once
    posted = post_all(port, requests)
    waits = " / ".join(f"{posted.percentile(share) * 1000:.1f}" for share in (0.5, 0.95, 0.99))
    rate = posted.statuses.get(200, 0) / posted.seconds
    show([(f"{name}: pages/s", f"{rate:,.0f}"), (f"{name}: p50 / p95 / p99 (ms)", waits)])
    return posted


def ratio(ours: Posted, plain: Posted) -> str:
    rates = [posted.statuses.get(200, 0) / posted.seconds for posted in (ours, plain)]
    return f"{rates[0] / rates[1]:,.1f} times" if rates[1] else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=4_000, help="of each way")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'bench'}"
    with own_engines():
        held = measure(options.rows, options.pages)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
