"""Pooled connections that ended meanwhile are found out before a request meets them, without a round trip."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from psycopg.pq import TransactionStatus

from config.db import fetch_all
from config.postgresql.base import DatabaseWrapper, is_quiet


@pytest.fixture
def pooled(transactional_db: Any) -> Iterator[DatabaseWrapper]:
    settings = {**connections["default"].settings_dict, "CONN_HEALTH_CHECKS": False}
    pool = {"min_size": 2, "max_size": 2, "timeout": 2}
    wrapper = DatabaseWrapper({**settings, "OPTIONS": {**settings["OPTIONS"], "pool": pool}}, alias="pooled")
    connections["pooled"] = wrapper
    yield wrapper
    wrapper.close()
    wrapper.close_pool()
    del connections["pooled"]


def test_a_connection_that_the_server_ended_is_replaced(pooled: DatabaseWrapper):
    backends = {backend(pooled) for _ in range(4)}

    fetch_all("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [list(backends)])
    time.sleep(0.2)

    assert backends.isdisjoint(backend(pooled) for _ in range(4))


def test_a_living_connection_is_asked_nothing(pooled: DatabaseWrapper):
    pooled.ensure_connection()
    raw = pooled.connection
    assert is_quiet(raw)

    raw.pgconn.send_query(b"SELECT 1")
    time.sleep(0.2)

    assert not is_quiet(raw)
    raw.pgconn.get_result(), raw.pgconn.get_result()
    assert raw.info.transaction_status == TransactionStatus.IDLE


def backend(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        found: int = cursor.fetchone()[0]
    wrapper.close()
    return found
