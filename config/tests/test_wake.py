"""A wake-up is told after commit, never fails its caller and never holds him, whatever Redis does."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction

from config import redis, wake
from config.tests.source import ROOT

TASK = "communications.tasks.send_transactional"


class Recorder:
    """Stands in place of what talks to Redis; can be told to hold or to fail."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.fails = False

    def __call__(self, name: str, args: tuple[str, ...]) -> None:
        self.may_go.wait(10)
        self.told.append((name, *args))
        if self.fails:
            raise ConnectionError("refused")

    def after(self, count: int) -> list[tuple[str, ...]]:
        wait_for(lambda: len(self.told) >= count)
        wake._bell.flush(5)
        return self.told


def wait_for(happened: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not happened() and time.monotonic() < until:
        time.sleep(0.01)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, settings) -> Iterator[Recorder]:
    recorder = Recorder()
    settings.WAKE_WORKERS = True
    monkeypatch.setattr(wake, "_bell", wake._Bell())
    monkeypatch.setattr(wake, "_send_task", recorder)
    monkeypatch.setattr(wake, "_PAUSE_SECONDS", 0.3)
    yield recorder
    wake._bell._waiting.clear()  # else this bell's thread would tell the next test's recorder
    recorder.may_go.set()
    wake._bell.flush(5)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_told_before_the_commit(told):
    with transaction.atomic():
        wake.wake_task(TASK)
        time.sleep(0.1)
        assert told.told == []
    assert told.after(1) == [(TASK,)]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_never_told(told):
    with pytest.raises(RuntimeError), transaction.atomic():
        wake.wake_task("rolled back")
        raise RuntimeError
    with transaction.atomic():
        wake.wake_task("committed")
    assert told.after(1) == [("committed",)]


@pytest.mark.django_db(transaction=True)
def test_equal_wake_ups_that_wait_together_become_one(told):
    told.may_go.clear()
    wake.wake_task("first")
    wait_for(lambda: wake._bell._busy)
    for _ in range(100):
        wake.wake_task(TASK)
        wake.wake_task(TASK, "other")
    told.may_go.set()
    assert sorted(told.after(3)) == [(TASK,), (TASK, "other"), ("first",)]


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_that_comes_while_its_like_is_told_is_told_again(told):
    told.may_go.clear()
    wake.wake_task(TASK)
    wait_for(lambda: wake._bell._busy)
    wake.wake_task(TASK)
    told.may_go.set()
    assert told.after(2) == [(TASK,), (TASK,)]


@pytest.mark.django_db(transaction=True)
def test_workers_are_told_the_same_only_so_often_and_never_forgotten(told, monkeypatch):
    monkeypatch.setattr(wake, "_REST_SECONDS", 0.4)
    wake.wake_task(TASK)
    wait_for(lambda: len(told.told) == 1)
    for _ in range(20):
        wake.wake_task(TASK)
        time.sleep(0.005)
    wake.wake_task("other")
    wait_for(lambda: len(told.told) == 2)
    assert told.told == [(TASK,), ("other",)]
    assert told.after(3) == [(TASK,), ("other",), (TASK,)]


@pytest.mark.django_db(transaction=True)
def test_the_caller_never_waits_for_redis(told):
    told.may_go.clear()
    begun = time.monotonic()
    for number in range(2_000):
        wake.wake_task(TASK, str(number))
    assert time.monotonic() - begun < 2
    assert len(wake._bell._waiting) <= wake._MOST_WAITING


@pytest.mark.django_db(transaction=True)
def test_a_failure_reaches_nobody_and_the_next_wake_up_is_told_later(told):
    told.fails = True
    wake.wake_task("fails")
    wait_for(lambda: len(told.told) == 1)
    told.fails = False
    wake.wake_task("next")
    time.sleep(0.1)
    assert told.told == [("fails",)]
    assert told.after(2) == [("fails",), ("next",)]


@pytest.mark.django_db(transaction=True)
def test_pages_are_told_their_type_and_ids(told, monkeypatch):
    heard = []

    class Layer:
        async def group_send(self, group: str, event: dict[str, str]) -> None:
            heard.append((group, event))

    monkeypatch.setattr("channels.layers.get_channel_layer", Layer)
    with transaction.atomic():
        for _ in range(3):
            wake.tell_pages("inbox", type="message.recorded", conversation="1")
        wake.tell_pages("inbox", type="message.recorded", conversation="2")
        assert heard == []
    wait_for(lambda: len(heard) >= 2)
    wake._bell.flush(5)
    told_of = {event["conversation"] for _, event in heard}
    assert told_of == {"1", "2"}
    assert all(group == "inbox" and event["type"] == "message.recorded" for group, event in heard)
    wake._bell.loop().close()


@pytest.mark.django_db(transaction=True)
def test_tests_wake_nobody(told, settings):
    settings.WAKE_WORKERS = False
    wake.wake_task(TASK)
    time.sleep(0.1)
    assert told.told == []


# The same with nothing replaced: a process with the development settings, and Redis well, gone or standing still.

STORY = """
import json, time
import django
django.setup()
from django.db import transaction
from config import wake
begun = time.monotonic()
with transaction.atomic():
    wake.wake_task("communications.tasks.send_transactional", "told-by-a-test")
    wake.tell_pages("inbox", type="message.recorded", conversation="1")
seconds = time.monotonic() - begun
if {patiently}:
    wake._bell.flush(20)
print(json.dumps([seconds, time.time()]))
"""


def play(*, patiently: bool, **environment: str) -> tuple[float, float]:
    """Seconds that the caller was held, and that the process needed to end."""
    values = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.dev", **environment}
    command = [sys.executable, "-W", "error", "-c", STORY.format(patiently=patiently)]
    ended = subprocess.run(command, cwd=ROOT, env=values, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    held, at = json.loads(ended.stdout.splitlines()[-1])
    return held, time.time() - at


def test_a_wake_up_reaches_the_queue_that_its_worker_reads():
    with redis.client() as client:
        client.delete("transactional")
        play(patiently=True)
        waiting = [json.loads(each) for each in client.lrange("transactional", 0, -1)]
        client.delete("transactional")
    assert [message["headers"]["task"] for message in waiting] == [TASK]


def test_a_caller_is_not_held_while_redis_refuses():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        held, ending = play(patiently=False, REDIS_URL=f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
    assert held < 3
    assert ending < 10


def test_a_caller_is_not_held_while_redis_stands_still():
    with socket.socket() as frozen:
        frozen.bind(("127.0.0.1", 0))
        frozen.listen(16)
        held, ending = play(patiently=False, REDIS_URL=f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
    assert held < 3
    assert ending < 10
