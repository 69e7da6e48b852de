from typing import Any

import pytest
from celery.signals import worker_shutting_down
from django.conf import settings as django_settings

from communications import tasks, wake
from communications.emulator.testing import Emulator
from communications.models import MessageData, WebhookDelivery
from communications.sending import run
from communications.tests.engine_fixtures import provider, waiting
from communications.tests.factories import WebhookDeliveryFactory
from config.celery import app
from customers.choices import Purpose

__all__ = ["provider"]


@pytest.fixture
def asked_to_stop() -> Any:
    """The worker was told to end, as Celery tells it."""
    worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)
    yield
    tasks._stopping.clear()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(wake, "wake_task", names.append)
    return names


def test_every_name_that_is_woken_is_a_task(woken: list[str]) -> None:
    for purpose in Purpose:
        wake.sender(purpose)
    wake.journal()
    wake.bulks()

    assert len(woken) == 4
    assert set(woken) <= set(app.tasks)


def test_every_name_in_the_schedule_and_the_routes_is_a_task() -> None:
    app.loader.import_default_modules()  # as a worker does when it begins
    names = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}

    assert names | set(django_settings.CELERY_TASK_ROUTES) <= set(app.tasks)


def test_sending_has_queues_of_its_own_and_no_time_limit() -> None:
    routes = {name: route["queue"] for name, route in django_settings.CELERY_TASK_ROUTES.items()}

    assert sorted(routes.values()) == ["marketing", "transactional"]
    for name in routes:
        assert (app.tasks[name].time_limit, app.tasks[name].soft_time_limit) == (None, None)


@pytest.mark.django_db(transaction=True)
def test_a_sender_sends_what_is_due(provider: Emulator) -> None:
    waiting(3)

    tasks.send_transactional()

    assert set(MessageData.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_is_told_to_stop_ends_after_its_slice(
    provider: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEND_SLICE_SIZE = 2
    waiting(5)

    def settle_and_be_told(*args: Any) -> None:
        real(*args)
        worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)

    real = run.settle
    monkeypatch.setattr(run, "settle", settle_and_be_told)
    try:
        tasks.send_transactional()
    finally:
        tasks._stopping.clear()

    assert MessageData.objects.filter(status="sent").count() == 2
    assert MessageData.objects.filter(status="pending", batch__state="waiting").count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_stop_begins_nothing(provider: Emulator, asked_to_stop: None) -> None:
    waiting(1)
    waiting(1, purpose="marketing")
    delivery = WebhookDeliveryFactory()

    tasks.send_transactional()
    tasks.send_marketing()
    tasks.process_journal()

    assert provider.count()["total"] == 0
    assert WebhookDelivery.objects.get(pk=delivery.pk).state == "received"


@pytest.mark.django_db
def test_the_tick_minds_everything_and_finds_nothing_in_an_empty_house() -> None:
    tasks.tick()


@pytest.mark.django_db
def test_a_step_of_the_tick_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(tasks.sweep, "sweep", lambda: 1 / 0)
    monkeypatch.setattr(tasks.upkeep, "tidy", lambda: seen.append("tidy"))

    tasks.tick()

    assert seen == ["tidy"]
