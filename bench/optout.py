"""People opt out while their messages are leaving: how long after is anybody still written to?

    .venv/bin/python bench/optout.py [--messages 20000] [--opt-outs 10000]

Two sender processes send SMS to as many people; meanwhile people say STOP, in an order of their own, as fast as the database
takes it. The provider's ledger says when each message was accepted. Ends with 1 when one was accepted later than five
seconds after its STOP was committed.
"""

import argparse
import random
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ground import free_share, own_engines
from sending import line, prepare_schemas, senders, take_on

WRITERS = 3
PROMISE = 5.0  # seconds


def say_stop(addresses: Sequence[str], told: dict[str, float]) -> None:
    """Each address opts out; `told` says when that was committed, by this machine's clock, which is the ledger's too."""
    from django.db import connection

    from customers.actions.consent import ConsentStatement, record_consent
    from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus

    for address in addresses:
        record_consent(
            ConsentStatement(
                channel="sms",
                address=address,
                status=ConsentStatus.OPT_OUT,
                purpose=ConsentPurpose.ALL,
                source=ConsentSource.KEYWORD,
                wording="STOP",
            )
        )
        told[address] = time.time()
    connection.close()


def race(messages: int, opt_outs: int, latency: int) -> bool:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from communications.emulator.testing import running_emulator
    from config.db import fetch_all

    call_command("migrate", verbosity=0)
    settings.WAKE_WORKERS = False
    with running_emulator(Path(settings.DATA_DIR) / "emulator") as emulator:
        point_at(emulator)
        emulator.callbacks(enabled=False)
        emulator.latency(latency)
        version = prepare_schemas()["sms"]
        take_on("sms", version, messages, first=0)
        addresses = [row[0] for row in fetch_all("SELECT recipient FROM f_message_data ORDER BY random()")]
        leaving = addresses[:opt_outs]
        random.Random(1).shuffle(leaving)
        told: dict[str, float] = {}
        with senders("transactional") as running:
            for each in running:
                assert each.stdin
                each.stdin.write("go\n")
                each.stdin.flush()
            writers = [threading.Thread(target=say_stop, args=(leaving[n::WRITERS], told)) for n in range(WRITERS)]
            [writer.start() for writer in writers]
            [each.stdout.readline() for each in running if each.stdout]
            [writer.join() for writer in writers]
        return report(emulator.ledger("accepted"), told)


def point_at(emulator: Any) -> None:
    import os

    from django.conf import settings

    settings.TWILIO_BASE_URL = emulator.url
    os.environ["TWILIO_BASE_URL"] = emulator.url


def report(accepted: Sequence[dict[str, Any]], told: dict[str, float]) -> bool:
    from config.db import fetch_all

    after = sorted(entry["at"] - told[entry["to"]] for entry in accepted if entry["to"] in told)
    late = [seconds for seconds in after if seconds > 0]
    lost = [seconds for seconds in late if seconds > PROMISE]
    skipped = fetch_all("SELECT count(*) FROM f_message_data WHERE decision_reason = 'opted_out'")[0][0]
    line("share of a core that is free", f"{free_share():.2f}")
    line("people who opted out meanwhile", f"{len(told):,}")
    line("not written to, because of it", f"{skipped:,}")
    line("accepted before their STOP", f"{len(after) - len(late):,}")
    line("accepted after it (call under way)", f"{len(late):,}")
    line("the latest of them", f"{max(late, default=0.0):.2f} s")
    line(f"later than {PROMISE:.0f} s (races lost)", f"{len(lost):,}")
    return not lost


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--opt-outs", type=int, default=10_000)
    parser.add_argument("--latency", type=int, default=20, help="of the provider, in milliseconds")
    arguments = parser.parse_args()
    with own_engines():
        held = race(arguments.messages, arguments.opt_outs, arguments.latency)
    sys.exit(0 if held else 1)
