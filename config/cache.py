"""The cache: what all web processes must know together for some minutes, such as who failed to sign in how often.

It is in Redis. While Redis is away each process remembers by itself, so that nobody is locked out and guessing stays
slow (each process allows what is allowed to all together), and Redis is left alone for some seconds after it failed.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from config.redis import PATIENCE

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 5.0


class SteadyCache(RedisCache):
    """Django's on Redis; adding, reading, setting and deleting never fail."""

    _asked_again_at = 0.0  # by every thread of the process

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": PATIENCE})
        self._memory = LocMemCache("while Redis is away", params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        added: bool = self._ask(super().add, self._memory.add, key, value, timeout, version)
        return added

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._ask(super().get, self._memory.get, key, default, version)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._ask(super().set, self._memory.set, key, value, timeout, version)

    def delete(self, key: str, version: int | None = None) -> bool:
        deleted: bool = self._ask(super().delete, self._memory.delete, key, version)
        return deleted

    def clear(self) -> None:
        """Only what is ours: Django's would empty the whole of Redis, and the workers' queues with it."""
        SteadyCache._asked_again_at = 0.0
        self._memory.clear()
        redis = self._cache.get_client(write=True)
        for key in redis.scan_iter(match=self.make_key("*")):
            redis.delete(key)

    def _ask(self, redis: Callable[..., Any], memory: Callable[..., Any], *question: Any) -> Any:
        if time.monotonic() >= SteadyCache._asked_again_at:
            try:
                return redis(*question)
            except RedisError as error:
                SteadyCache._asked_again_at = time.monotonic() + _PAUSE_SECONDS
                log.warning("cache_away", error=type(error).__name__)
        return memory(*question)
