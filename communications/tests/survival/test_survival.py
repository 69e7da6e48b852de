"""What Rapport promises when its parts die: seen on real processes, judged by the database and the emulator's ledger."""

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from communications.tests.survival.rapport import Rapport

pytestmark = pytest.mark.timeout(300)

TAKE_ON = """
import json
from communications.actions.message_request import MessageRequest
from communications.actions.messages import send_messages
from communications.models import MessageSchema
from communications.actions.schemas import save_schema
schema = MessageSchema(name="{name}", message_delivery_method="SMS", template_schema={{"message": "Part {{{{ part }}}} of {name}"}})
save_schema(schema)
requests = [MessageRequest(schema=schema, recipient=f"+1416{first} {{n:04d}}".replace(" ", ""), variables={{"part": n}}) for n in range({count})]
rows = send_messages(requests)
print(json.dumps({{"count": len(rows)}}))
"""


@pytest.fixture
def rapport() -> Iterator[Rapport]:
    """Each test has its own: the launcher gives up when something died five times within a minute, whoever killed it."""
    folder = Path(tempfile.mkdtemp(prefix="rapport-survival-"))
    folder.chmod(0o755)
    rapport = Rapport(folder / "data")
    rapport.start()
    yield rapport
    rapport.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_sender_killed_in_the_middle_of_2000_sms_loses_none_and_doubles_none(rapport: Rapport) -> None:
    rapport.emulator.latency(500, 100)  # most of the time calls are under way
    rapport.emulator.callbacks(enabled=False)  # or the provider's own events settle the doubt first
    rapport.django(TAKE_ON.format(name="a killed sender", first="221", count=2_000))
    sent = "SELECT count(*) FROM f_message_data WHERE recipient LIKE '+1416221%%' AND sent_ts IS NOT NULL"
    rapport.until("sending is under way", lambda: rapport.sql(sent)[0][0] > 300, seconds=60)
    time.sleep(1.2)  # a slice was just settled; by now the next one's calls are under way
    victims = rapport.processes("celery", "transactional")
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    assert victims
    assert 0 < rapport.sql(sent)[0][0] < 2_000
    doubtful = rapport.until(
        "what was in flight is in doubt",
        lambda: rapport.sql(
            "SELECT count(*) FROM f_message_data WHERE status = 'uncertain' AND decision_reason = 'crashed'"
        )[0][0],
        seconds=40,
    )
    assert doubtful <= 3 * 256  # a slice for each lane
    rapport.until("every message was sent", lambda: rapport.sql(sent)[0][0] == 2_000, seconds=120)
    rapport.until(
        "no doubt is left",
        lambda: not rapport.sql("SELECT 1 FROM f_message_data WHERE status = 'uncertain'"),
        seconds=60,
    )
    rapport.emulator.latency(0)
    rapport.emulator.callbacks(enabled=True)
    accepted = [entry["body"] for entry in rapport.emulator.ledger("accepted") if "killed sender" in entry["body"]]
    assert (len(accepted), len(set(accepted))) == (2_000, 2_000)
    assert rapport.sql(
        "SELECT count(*), count(DISTINCT interaction_id), bool_or(possible_duplicate) FROM f_message_data WHERE interaction_id IS NOT NULL AND recipient LIKE '+1416221%%'"
    ) == [(2_000, 2_000, False)]
    looked_up = rapport.sql(
        "SELECT count(DISTINCT message_data_id) FROM delivery_events WHERE event_id LIKE 'lookup:%%'"
    )[0][0]
    assert looked_up > 0


@pytest.mark.parametrize("hurt", ["killed", "frozen", "emptied"])
def test_redis_away_costs_no_webhook_and_no_message(rapport: Rapport, hurt: str) -> None:
    number = {"killed": 1, "frozen": 2, "emptied": 3}[hurt]
    valkey = rapport.engine("valkey-server")
    match hurt:
        case "killed":
            valkey.send_signal(signal.SIGKILL)
        case "frozen":
            valkey.send_signal(signal.SIGSTOP)
        case "emptied":
            rapport.redis().flushall()
    try:
        answers = [rapport.sms(f"+1416555{number}{n:03d}", "Is anybody there?", f"SM{hurt}{n}") for n in range(40)]
        rapport.django(TAKE_ON.format(name=f"Redis {hurt}", first=f"22{number + 1}", count=20))
    finally:
        if hurt == "frozen" and valkey.is_running():  # the launcher may have replaced what did not answer
            valkey.send_signal(signal.SIGCONT)
    assert {status for status, _, _ in answers} == {200}
    assert max(seconds for _, _, seconds in answers) < 1.0
    recorded = "SELECT count(*) FROM communication_messages WHERE channel_message_id LIKE %s"
    rapport.until("every message is recorded", lambda: rapport.sql(recorded, f"SM{hurt}%")[0][0] == 40, seconds=30)
    sent = "SELECT count(*) FROM f_message_data WHERE recipient LIKE %s AND sent_ts IS NOT NULL"
    rapport.until(
        "every waiting message is sent", lambda: rapport.sql(sent, f"+141622{number + 1}%")[0][0] == 20, seconds=30
    )
    assert rapport.emulator.duplicates("to,body") == []


def test_postgres_stopped_hard_refuses_with_503_and_loses_nothing_acknowledged(rapport: Rapport) -> None:
    acknowledged: set[str] = set()
    refused: list[dict[str, str]] = []
    others: list[int] = []
    stop = threading.Event()

    def write(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            sid = f"SMpg{worker}x{n}"
            status, headers, _ = rapport.sms(f"+141655540{worker:02d}", f"Number {n}", sid)
            if status == 200:
                acknowledged.add(sid)
            elif status == 503:
                refused.append(headers)
            else:
                others.append(status)
            stop.wait(0.05)  # what is asked is that nothing is lost, not how long a heap takes to work off

    writers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    [writer.start() for writer in writers]
    try:
        time.sleep(2)
        with rapport.nobody_mends():
            rapport.engine("postgres").send_signal(signal.SIGKILL)
            rapport.until("it refuses", lambda: refused, seconds=30)
        died = time.monotonic()
        rapport.until("it answers again", lambda: rapport.get("/ready")[0] == 200, seconds=45)
        back = time.monotonic() - died
        time.sleep(2)
    finally:
        stop.set()
        [writer.join() for writer in writers]
    assert others == []
    assert all(headers.get("retry-after") for headers in refused)
    assert back < 15 * 3  # the goal is 15 s on a quiet machine; this one may be shared
    stored = rapport.until(
        "everything is worked off",
        lambda: (
            not rapport.sql("SELECT 1 FROM webhook_deliveries WHERE state = 'received'")
            and rapport.sql(
                "SELECT channel_message_id FROM communication_messages WHERE channel_message_id LIKE 'SMpg%%'"
            )
        ),
        seconds=120,
    )
    assert acknowledged
    assert acknowledged <= {row[0] for row in stored}
