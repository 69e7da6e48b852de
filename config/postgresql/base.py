"""A pooled connection is looked at before it is used, and asked nothing: every request would pay for the answer.

A server that stops, or ends a connection, leaves a word on its socket. One that vanished without a word is found out by
the first statement, as it would be by a question before it.
"""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's. With a pool, `CONN_HEALTH_CHECKS` (a round trip) is left off."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> "Connection[Any]":
        """Raises OperationalError once the pool has none that lives and can make none."""
        while True:
            connection: Connection[Any] = super().get_new_connection(conn_params)
            if not self.pool or is_quiet(connection):
                return connection
            connection.close()
            self.pool.putconn(connection)  # which makes another in its place


def is_quiet(connection: "Connection[Any]") -> bool:
    """Whether nothing came that nobody asked for."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return not socket.poll(0)
