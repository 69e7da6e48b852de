"""The cache that processes share, with Redis and without."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.test import Client, override_settings

from config import redis
from config.accounts.tests.second_factors import person, sign_in
from config.cache import SteadyCache


@pytest.fixture
def shared() -> SteadyCache:
    cache = SteadyCache(settings.REDIS_URL, {"KEY_PREFIX": "test"})
    cache.clear()
    return cache


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Django's caches on a Redis that refuses."""
    monkeypatch.setattr(SteadyCache, "_asked_again_at", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        default = {**settings.CACHES["default"], "LOCATION": url}
        with override_settings(CACHES={**settings.CACHES, "default": default}):
            yield default
    monkeypatch.setattr(SteadyCache, "_asked_again_at", 0.0)


def test_what_one_process_adds_another_knows(shared: SteadyCache) -> None:
    other = SteadyCache(settings.REDIS_URL, {"KEY_PREFIX": "test"})

    assert (shared.add("code", "y", timeout=60), other.add("code", "y", timeout=60)) == (True, False)
    assert other.get("code") == "y"
    assert other.delete("code") and shared.get("code", "gone") == "gone"


def test_it_clears_what_is_its_own(shared: SteadyCache) -> None:
    redis.client().set("a-queue", "kept", ex=60)
    shared.set("mine", 1)

    shared.clear()

    assert shared.get("mine") is None
    assert redis.client().get("a-queue") == b"kept"


def test_while_redis_is_away_the_process_remembers_and_asks_rarely(away: dict[str, Any]) -> None:
    cache = caches["default"]
    began = time.monotonic()

    assert cache.add("code", "y", 60) and not cache.add("code", "y", 60)
    cache.set("count", [1.5], 60)
    assert cache.get("count") == [1.5]
    assert cache.delete("count") and cache.get("count") is None
    assert time.monotonic() - began < 2
    assert SteadyCache._asked_again_at > time.monotonic()


@pytest.mark.django_db
def test_people_sign_in_and_guessing_is_stopped_while_redis_is_away(away: dict[str, Any], client: Client) -> None:
    person()

    assert [sign_in(client, password="wrong").status_code for _ in range(4)] == [200] * 4
    assert sign_in(Client()).status_code == 302
    assert [sign_in(client, password="wrong").status_code for _ in range(2)] == [200, 429]
