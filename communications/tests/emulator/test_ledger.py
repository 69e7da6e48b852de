import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from communications.emulator.ledger import Ledger, LedgerCorrupt
from communications.emulator.testing import running_emulator
from communications.tests.emulator.support import ANNA, BEN, Twilio, until


def written(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def test_an_entry_is_on_disk_when_its_commit_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (synced.append(1), real(file)))

    async def run() -> list[dict]:
        ledger = Ledger(tmp_path)
        ledger.open()
        await ledger.commit("accepted", {"to": ANNA})
        seen = written(tmp_path)
        await ledger.close()
        return seen

    seen = asyncio.run(run())

    assert [(entry["seq"], entry["kind"], entry["to"]) for entry in seen] == [(1, "accepted", ANNA)]
    assert synced


def test_commits_that_arrive_together_share_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    async def run() -> None:
        ledger = Ledger(tmp_path)
        ledger.open()
        await asyncio.gather(*(ledger.commit("accepted", {"n": number}) for number in range(100)))
        await ledger.close()

    asyncio.run(run())

    assert [entry["n"] for entry in written(tmp_path)] == list(range(100))
    assert len(synced) < 10


def test_a_full_disk_acknowledges_nothing_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.fdatasync

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    async def run() -> None:
        ledger = Ledger(tmp_path)
        ledger.open()
        await ledger.commit("accepted", {"n": 1})
        monkeypatch.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            await ledger.commit("accepted", {"n": 2})
        monkeypatch.setattr(os, "fdatasync", real)
        await ledger.commit("accepted", {"n": 3})
        await ledger.close()

    asyncio.run(run())

    assert [entry["n"] for entry in written(tmp_path)] == [1, 3]


def test_a_torn_last_line_is_cut_off(tmp_path: Path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"seq":1,"kind":"accepted"}\n{"seq":2,"kind":"acc')

    entries = Ledger(tmp_path).open()

    assert [entry["seq"] for entry in entries] == [1]
    assert path.read_text() == '{"seq":1,"kind":"accepted"}\n'


def test_an_unreadable_line_in_the_middle_is_not_passed_over(tmp_path: Path):
    (tmp_path / "ledger.jsonl").write_text('{"seq":1,"kind":"accepted"}\nnonsense\n{"seq":3,"kind":"accepted"}\n')

    with pytest.raises(LedgerCorrupt, match="line 2"):
        Ledger(tmp_path).open()


def test_a_crash_loses_nothing_that_was_answered(tmp_path: Path, receiver):
    with running_emulator(tmp_path, EMULATOR_INBOUND_SMS_URL=receiver.url("/inbound")) as emulator:
        twilio = Twilio(emulator)
        emulator.callbacks(hold=True)
        sids = [twilio.send(body=f"Number {n}", StatusCallback=receiver.url()).json["sid"] for n in range(5)]
        emulator.inbound("STOP", sender=BEN)
        emulator.kill()
        with (tmp_path / "ledger.jsonl").open("a") as file:
            file.write('{"seq":99,"kind":"acce')
        receiver.received.clear()
        emulator.start()

        assert [message["sid"] for message in emulator.messages(ANNA)] == sids
        assert twilio.call("GET", f"/{sids[0]}.json").json["body"] == "Number 0"
        assert twilio.send(to=BEN).json["code"] == 21610
        assert emulator.flush()["pending"] == 0
        assert sorted(item.form["MessageSid"] for item in receiver.received) == sorted(sids * 2)


def test_what_was_called_back_is_not_called_back_again_after_a_restart(tmp_path: Path, receiver):
    with running_emulator(tmp_path) as emulator:
        Twilio(emulator).send(StatusCallback=receiver.url())
        emulator.flush()
        emulator.stop()
        emulator.start()

        assert emulator.control("GET", "/callbacks")["pending"] == 0
        assert receiver.statuses() == ["sent", "delivered"]


def test_it_ends_within_two_seconds_even_while_calls_hang(tmp_path: Path):
    with running_emulator(tmp_path) as emulator, ThreadPoolExecutor(1) as pool:
        emulator.faults("hang")
        hanging = pool.submit(Twilio(emulator).send)
        until(lambda: emulator.control("GET", "/faults")["faults"][0]["hits"] == 1)

        started = time.monotonic()
        os.kill(emulator.pid, signal.SIGTERM)
        emulator.stop()

        assert time.monotonic() - started < 2
        assert hanging.exception() is not None


def test_the_same_reference_twice_is_found_in_one_question(twilio, emulator, receiver):
    emulator.callbacks(enabled=False)
    for reference in ("a", "b", "a"):
        twilio.send(StatusCallback=receiver.url("/status", f"?m={reference}"))
    twilio.send(body="No reference")

    counted = emulator.count()

    assert counted["duplicates"] == [{"key": "a", "count": 2}]
    assert (counted["total"], counted["without"], counted["groups"]) == (4, 1, 2)
    assert counted["counts"] == {"a": 2, "b": 1}
    assert emulator.duplicates("to") == [{"key": ANNA, "count": 4}]
    assert emulator.duplicates("to,body") == [{"key": f"{ANNA}\nHello", "count": 3}]


def test_the_ledger_is_asked_by_kind_address_reference_and_time(twilio, emulator, receiver):
    emulator.callbacks(enabled=False)
    twilio.send(to=ANNA, StatusCallback=receiver.url("/status", "?m=one"))
    twilio.send(to=BEN)

    first, second = emulator.ledger("accepted")

    assert (first["reference"], first["to"], first["from"], first["body"]) == ("one", ANNA, "+15005550006", "Hello")
    assert first["request_id"].startswith("RQ")
    assert emulator.ledger(to=BEN) == [second]
    assert emulator.ledger(reference="one") == [first]
    assert emulator.ledger(since=first["seq"]) == [second]
    assert emulator.ledger(since=second["time"]) == [second]
    assert emulator.ledger(limit=1) == [first]


def test_a_reset_forgets_everything(twilio, emulator):
    twilio.send()
    emulator.faults("500")

    emulator.reset()

    assert (emulator.ledger(), emulator.messages()) == ([], [])
    assert twilio.send().status == 201
    assert emulator.ledger("accepted")[0]["seq"] == 1


def test_a_call_from_before_a_reset_is_not_accepted_after_it(twilio, emulator):
    emulator.faults("latency", delay_ms=500)

    with ThreadPoolExecutor(1) as pool:
        delayed = pool.submit(twilio.send)
        until(lambda: emulator.control("GET", "/faults")["faults"][0]["hits"] == 1)
        emulator.reset()

    assert delayed.exception() is not None
    assert emulator.count()["total"] == 0


def test_the_emulator_knows_nothing_of_rapport():
    code = "import sys, communications.emulator.app; print([m for m in sys.modules if m.split('.')[0] in ('django', 'twilio')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
