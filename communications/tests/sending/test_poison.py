import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from structlog.testing import capture_logs

from communications import wake
from communications.actions.batches import unpark
from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.models import MessageData, SendBatch
from communications.sending.claim import claim_due
from communications.sending.run import send_due
from communications.sending.sweep import release_abandoned
from communications.tests.engine_fixtures import (
    LINE,
    batch_of,
    fresh,
    let_leases_run_out,
    on_its_way,
    provider,
    waiting,
    waiting_reply,
)

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

POISON = "+14165560666"
SENDERS_THAT_DIE = f"""
import os
import django
django.setup()
from django.db import connection
from communications.sending import compose, run
from communications.sending.run import send_due
from communications.sending.sweep import release_abandoned
from communications.tests.engine_fixtures import let_leases_run_out

rendered = compose.outbound

def die_of_poison(row):
    if row.recipient == "{POISON}":
        os._exit(9)
    return rendered(row)

compose.outbound = die_of_poison
deaths = 0
while True:
    connection.close()
    pid = os.fork()
    if pid == 0:
        run.send_due("transactional")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    let_leases_run_out()
    if code == 0 and not release_abandoned():
        break
    assert code in (0, 9), code
    deaths += code == 9
    release_abandoned()
print(deaths)
"""


def die() -> None:
    """The sender of whatever is claimed next dies before any call."""
    assert claim_due("transactional", most_rows=256)
    let_leases_run_out()
    release_abandoned()


def with_deaths(number: int, **values: Any) -> MessageData:
    [row] = waiting(**values)
    SendBatch.objects.filter(pk=row.batch_id).update(deaths=number)
    return row


def run_senders_that_die(emulator: Emulator) -> int:
    """Senders one after the other, in processes of their own, until nothing is due; how many of them died."""
    database = urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    env = {
        **os.environ,
        "DATABASE_URL": database.geturl(),
        "TWILIO_BASE_URL": emulator.url,
        "TWILIO_ACCOUNT_SID": emulator.account_sid,
        "TWILIO_AUTH_TOKEN": emulator.auth_token,
        "TWILIO_FROM_NUMBER": LINE,
        "LOG_LEVEL": "ERROR",
    }
    code = [sys.executable, "-c", SENDERS_THAT_DIE]
    done = subprocess.run(
        code, cwd=django_settings.BASE_DIR, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return int(done.stdout.split()[-1])


@pytest.mark.django_db(transaction=True)
def test_of_a_thousand_messages_the_one_that_kills_its_sender_is_parked_and_the_others_leave(
    provider: Emulator,
) -> None:
    rows = waiting(1_000)
    MessageData.objects.filter(pk=rows[500].pk).update(recipient=POISON)

    deaths = run_senders_that_die(provider)

    poisoned = fresh(rows[500])
    assert (poisoned.status, poisoned.decision_reason) == (MessageStatus.FAILED, Reason.POISON)
    assert poisoned.failed_ts and poisoned.failed_reason
    batch = batch_of(poisoned)
    assert (batch.state, batch.row_count, batch.deaths) == ("parked", 1, deaths)
    assert deaths == 4
    assert MessageData.objects.filter(status="sent").count() == 999
    assert provider.count()["groups"] == provider.count()["total"] == 999
    assert SendBatch.objects.exclude(pk=batch.pk).exclude(state="done").count() == 0


def test_a_message_alone_is_parked_at_its_fourth_death_and_said_so_loudly() -> None:
    [row] = waiting()

    for deaths in (1, 2, 3):
        die()
        assert (fresh(row).status, batch_of(row).state, batch_of(row).deaths) == ("pending", "waiting", deaths)
    with capture_logs() as logs:
        die()

    assert (fresh(row).status, batch_of(row).state) == ("failed", "parked")
    assert [entry for entry in logs if entry["log_level"] == "error"] == [
        {"event": "poison_parked", "log_level": "error", "batch": str(row.batch_id), "message": row.message_number}
    ]
    assert claim_due("transactional", most_rows=256) == []


def test_a_message_whose_call_had_begun_is_in_doubt_and_never_parked() -> None:
    row = with_deaths(3)
    on_its_way()
    let_leases_run_out()

    release_abandoned()

    assert (fresh(row).status, fresh(row).decision_reason) == ("uncertain", Reason.CRASHED)
    assert batch_of(row).state == "waiting"


def test_a_reply_that_is_parked_shows_in_the_thread_that_it_failed() -> None:
    row, message = waiting_reply()
    SendBatch.objects.update(deaths=3)

    die()

    assert fresh(row).status == MessageStatus.FAILED
    message.refresh_from_db()
    assert message.delivery_status == "failed"


def test_what_was_parked_is_tried_again_alone_and_parked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "wake_task", woken.append)
    row = with_deaths(3)
    die()

    assert unpark(SendBatch.objects.all()) == 1

    again = fresh(row)
    assert (again.status, again.decision_reason, again.failed_ts, again.failed_reason) == ("pending", "", None, "")
    assert woken == ["communications.tasks.send_transactional"]
    assert unpark(SendBatch.objects.all()) == 0
    die()
    assert (fresh(row).status, batch_of(row).state) == ("failed", "parked")


def test_what_is_well_again_leaves_after_it_was_parked(provider: Emulator) -> None:
    row = with_deaths(3)
    die()
    unpark(SendBatch.objects.all())

    assert send_due("transactional") == 1

    assert (fresh(row).status, batch_of(row).state) == ("sent", "done")


def test_only_parked_batches_are_tried_again() -> None:
    [row] = waiting()
    SendBatch.objects.update(state="cancelled")

    assert unpark(SendBatch.objects.all()) == 0
    assert batch_of(row).state == "cancelled"
