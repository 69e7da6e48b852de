"""The one place that makes Redis clients: short timeouts, no retries of the client's own (a refused connection would take 10 s to fail)."""

from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Options of a connection that answers or fails within about a second.
PATIENCE: dict[str, Any] = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "retry": Retry(NoBackoff(), 0)}


def client(**options: Any) -> "Redis":
    """A client that answers or fails within about a second."""
    return Redis.from_url(settings.REDIS_URL, **{**PATIENCE, **options})
