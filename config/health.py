"""`/health`: this process answers. `/ready`: the whole can work (200 only with database, migrations, Redis and a worker)."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from config import redis
from config.celery import app

_QUEUES = {"celery", "transactional", "marketing"}


class NotReady(Exception):
    """Its text says what is missing, in a few words."""


@login_not_required
@never_cache
def health(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """Each part by name, `ok` or what is wrong with it. A part that needs a missing one is not asked."""
    parts = engine_states()
    if parts.get("redis") == "ok":
        parts["worker"] = _result(_worker)
    all_ok = len(parts) == 4 and set(parts.values()) == {"ok"}
    return JsonResponse({"status": "ok" if all_ok else "not ready", "parts": parts}, status=200 if all_ok else 503)


def engine_states() -> dict[str, str]:
    """The engines and their migrations, each `ok` or what is wrong with it, up to the first that is away."""
    parts: dict[str, str] = {}
    for name, check in (("database", _database), ("migrations", _migrations), ("redis", _redis)):
        parts[name] = _result(check)
        if parts[name] != "ok" and name != "migrations":
            break
    return parts


def queue_states() -> dict[str, bool]:
    """Whether a process serves each queue; waits for their answers, two seconds at most. Raises when Redis is away."""
    answers = app.control.inspect(timeout=2.0, limit=len(_QUEUES)).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    return {queue: queue in served for queue in sorted(_QUEUES)}


def _result(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as error:
        return str(error)
    except Exception as error:  # whatever a broken part raises is its answer
        return f"unavailable ({type(error).__name__})"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotReady(f"{len(waiting)} migrations wait")


def _redis() -> None:
    with redis.client() as client:
        client.ping()


def _worker() -> None:
    if unserved := [queue for queue, is_served in queue_states().items() if not is_served]:
        raise NotReady(f"nobody serves {', '.join(unserved)}")
