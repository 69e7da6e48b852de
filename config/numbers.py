"""Numbers people read (`MSG-2026-00001`): one database sequence for each kind and year, so no row is locked by every writer.

Never twice under any concurrency, taken in blocks for bulk; gaps are allowed. Past 99,999 a number simply grows, so nothing
may sort by it as text. The year is that of creation in the configured time zone.
"""

from datetime import datetime

from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from config.db import fetch_all

_CREATE_LOCK = 7_261_001  # advisory lock: two processes must not make one sequence at once


def take_numbers(kind: str, *, count: int = 1, at: datetime | None = None) -> list[str]:
    """`count` fresh numbers of `kind` (`MSG`, `INT`), ascending, for the year of `at` (now)."""
    year = timezone.localtime(at).year
    return [f"{kind}-{year}-{value:05d}" for value in _take(f"number_{kind.lower()}_{year}", count)]


def take_code(prefix: str) -> str:
    """The next code of a family without a year: `MSG-SCHEMA-APPT` gives `MSG-SCHEMA-APPT-001`."""
    name = "code_" + "".join(c if c.isalnum() else "_" for c in prefix.lower())
    return f"{prefix}-{_take(name, 1)[0]:03d}"


def make_sequences_ahead(kinds: tuple[str, ...], *, at: datetime | None = None) -> None:
    """Make this year's and next year's sequences, so that New Year's first writers find theirs."""
    year = timezone.localtime(at).year
    for kind in kinds:
        for each in (year, year + 1):
            _create(f"number_{kind.lower()}_{each}")


def _take(sequence: str, count: int) -> list[int]:
    statement = "SELECT nextval(%s::regclass) FROM generate_series(1, %s)"
    try:
        with transaction.atomic():
            return [row[0] for row in fetch_all(statement, [sequence, count])]
    except ProgrammingError:  # no such sequence yet
        with transaction.atomic():
            _create(sequence)
            return [row[0] for row in fetch_all(statement, [sequence, count])]


def _create(sequence: str) -> None:
    if fetch_all("SELECT to_regclass(%s)", [sequence])[0][0] is not None:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATE_LOCK])
        cursor.execute(f"CREATE SEQUENCE IF NOT EXISTS {connection.ops.quote_name(sequence)}")
