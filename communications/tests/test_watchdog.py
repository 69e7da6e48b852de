"""A worker that idles while its queue is overdue starts anew."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from communications import watchdog
from communications.tests.factories import (
    ProviderCircuitFactory,
    SendBatchFactory,
    WebhookDeliveryFactory,
    WorkingBatchFactory,
)
from communications.watchdog import is_overdue

pytestmark = pytest.mark.django_db(transaction=True)

TRANSACTIONAL = ["transactional"]


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    return urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


@pytest.fixture(autouse=True)
def test_database(settings: Any, transactional_db: None) -> None:
    settings.DATABASE_URL = database_url()
    settings.OVERDUE_SECONDS = 60


def due(seconds_ago: float, **values: Any) -> None:
    SendBatchFactory(due_at=timezone.now() - timedelta(seconds=seconds_ago), **values)


def test_what_could_have_been_claimed_for_a_minute_is_overdue() -> None:
    due(50)
    assert not is_overdue(TRANSACTIONAL)
    due(70, purpose="marketing")
    assert not is_overdue(TRANSACTIONAL)
    due(70)
    assert is_overdue(TRANSACTIONAL)


def test_what_waits_for_its_provider_is_not() -> None:
    due(70)
    ProviderCircuitFactory(provider="twilio", state="open", probe_at=timezone.now() + timedelta(seconds=10))

    assert not is_overdue(TRANSACTIONAL)


def test_webhooks_that_nobody_thinks_about_and_leases_that_nobody_takes_back_are_overdue() -> None:
    now = timezone.now()
    WebhookDeliveryFactory(due_at=now - timedelta(seconds=50))
    WebhookDeliveryFactory(due_at=now - timedelta(seconds=70), state="done", processed_at=now)
    WorkingBatchFactory(lease_until=now - timedelta(seconds=50))
    assert not is_overdue(["celery"])
    late = WebhookDeliveryFactory(due_at=now - timedelta(seconds=70))
    assert is_overdue(["celery"])
    late.delete()
    WorkingBatchFactory(lease_until=now - timedelta(seconds=70))
    assert is_overdue(["celery"])
    assert not is_overdue(["transactional", "marketing"])


def test_with_the_database_away_nobody_knows(settings: Any) -> None:
    settings.DATABASE_URL = "postgresql://127.0.0.1:1/nowhere"

    assert not is_overdue(TRANSACTIONAL)


@contextmanager
def idle_worker(queue: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that nobody wakes."""
    env = {**os.environ, "DATABASE_URL": database_url(), "OVERDUE_SECONDS": "2"}
    name = f"idle-{os.getpid()}@test"
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "-n", name, "-Q", queue, "-c", "1"]
    worker = subprocess.Popen(
        [*command, "--without-gossip", "--without-mingle", "-l", "WARNING"],
        cwd=django_settings.BASE_DIR, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(10)


def test_a_sender_that_nobody_wakes_ends_when_its_queue_is_overdue() -> None:
    due(70)

    with idle_worker("transactional") as worker:
        assert worker.wait(60) == 1


class Ended(Exception):
    """Instead of the end of the process."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the worker is busy at each look, from the last to the first; after the last it ends in any case."""
    busy: list[bool] = []

    def next_look(seconds: float) -> None:
        if seconds == django_settings.OVERDUE_SECONDS:  # before the first one
            return
        if not busy:
            raise Ended("nobody found it idle")
        monkeypatch.setattr(watchdog.state, "active_requests", {"a task"} if busy.pop() else set())

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(watchdog.time, "sleep", next_look)
    monkeypatch.setattr(watchdog.os, "_exit", end)
    return busy


def test_a_busy_sender_is_no_idle_one_however_late_it_is(looks: list[bool]) -> None:
    due(70)
    looks += [True, False, True, True]

    with pytest.raises(Ended, match="nobody found it idle"):
        watchdog._watch(TRANSACTIONAL)


def test_two_looks_in_a_row_are_enough(looks: list[bool]) -> None:
    due(70)
    looks += [True, False, False, True]

    with pytest.raises(Ended, match="1"):
        watchdog._watch(TRANSACTIONAL)


def test_a_worker_of_another_queue_is_not_watched() -> None:
    watchdog.watch(Mock(app=Mock(amqp=Mock(queues=Mock(consume_from={"another": Mock()})))))

    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
