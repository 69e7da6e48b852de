import socket
from collections.abc import Iterator

import pytest
from celery.app.control import Inspect
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health


def serve(monkeypatch: pytest.MonkeyPatch, **workers: list[str]) -> None:
    """These workers answer, each with the queues it serves."""
    answers = {f"{name}@test": [{"name": queue} for queue in queues] for name, queues in workers.items()}
    monkeypatch.setattr(Inspect, "active_queues", lambda *_: answers or None)


@pytest.fixture
def a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, worker=["celery"], sender=["transactional"], campaigns=["marketing"])


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch)


@pytest.fixture
def refused_port() -> Iterator[int]:
    """A port that nobody listens at, kept from everybody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_health_asks_nothing(client: Client, django_assert_num_queries):
    response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.usefixtures("a_worker")
def test_ready_when_every_part_is_there(client: Client):
    response = client.get("/ready")
    assert response.status_code == 200
    parts = {"database": "ok", "migrations": "ok", "redis": "ok", "worker": "ok"}
    assert response.json() == {"status": "ok", "parts": parts}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.usefixtures("no_worker")
def test_not_ready_without_a_worker(client: Client):
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json()["parts"]["worker"] == "nobody serves celery, marketing, transactional"
    assert response.json()["parts"]["redis"] == "ok"


@pytest.mark.django_db
@pytest.mark.usefixtures("a_worker")
def test_not_ready_without_redis(client: Client, settings, refused_port):
    settings.REDIS_URL = f"redis://127.0.0.1:{refused_port}/0"
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json()["parts"]["redis"] == "unavailable (ConnectionError)"
    assert "worker" not in response.json()["parts"]


@pytest.mark.django_db
@pytest.mark.usefixtures("a_worker")
def test_not_ready_while_migrations_wait(client: Client):
    count, _ = MigrationRecorder.Migration.objects.filter(app="communications").delete()
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json()["parts"]["migrations"] == f"{count} migrations wait"


@pytest.mark.usefixtures("a_worker")
def test_not_ready_without_the_database(client: Client, monkeypatch):
    def away() -> None:
        raise OperationalError("password=secret")

    monkeypatch.setattr(health.connection, "cursor", away)
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "parts": {"database": "unavailable (OperationalError)"}}


@pytest.mark.django_db
def test_not_ready_when_a_queue_has_nobody(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, worker=["celery"], campaigns=["marketing"])

    response = client.get("/ready")

    assert response.status_code == 503
    assert response.json()["parts"]["worker"] == "nobody serves transactional"
