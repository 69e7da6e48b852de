"""Small shared bases for models, and the fast way in for many rows at once."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import Model
from psycopg.pq import Format
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

# SQLSTATEs: connection exceptions, insufficient resources, shut down or starting up (57P01, 57P02, 57P03).
_AWAY = ("08", "53", "57P0")


_PLAIN_FIELDS = (
    models.CharField,
    models.TextField,
    models.UUIDField,
    models.BooleanField,
    models.IntegerField,
    models.DateTimeField,
)


class UuidModel(models.Model):
    """A time-ordered UUID (version 7, RFC 9562) as primary key: keyset order and ranges to partition by."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


def enum_check(
    field: str, choices: type[models.TextChoices], *, name: str, null: bool = False
) -> models.CheckConstraint:
    """A CHECK that lets only the words of `choices` into `field` (and NULL, where `null` says so)."""
    condition = models.Q(**{f"{field}__in": choices.values})
    if null:
        condition |= models.Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=condition, name=name)


def range_check(field: str, low: float, high: float, *, name: str) -> models.CheckConstraint:
    """A CHECK that keeps `field` within low..high, both included; NULL passes."""
    condition = models.Q(**{f"{field}__gte": low, f"{field}__lte": high}) | models.Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=condition, name=name)


def copy_rows(rows: Sequence[Model]) -> None:
    """Write unsaved rows of one model by COPY, about five times as fast as bulk_create (PERFORMANCE section 1).

    Database defaults are not applied, so every field carries its Python default; `auto_now` fields are filled as on save.
    Errors are the database's own (IntegrityError and so on), for all rows together.
    """
    if not rows:
        return
    model = type(rows[0])
    fields = _copied_fields(model)
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(str(f.column)) for f in fields)
    statement = f"COPY {table} ({columns}) FROM STDIN"
    readers = _readers(model)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([read(row) for read in readers])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def _copied_fields(model: type[Model]) -> list[models.Field]:
    return [field for field in model._meta.local_concrete_fields if not field.generated]


@cache
def _readers(model: type[Model]) -> list[Callable[[Model], Any]]:
    """How each column is read from a row: plain values as they stand (psycopg adapts them), the others by their field."""
    return [_reader(field) for field in _copied_fields(model)]


def _reader(field: models.Field) -> Callable[[Model], Any]:
    if isinstance(field, models.JSONField):
        return lambda row: _as_jsonb(getattr(row, field.attname))
    plain = isinstance(field, _PLAIN_FIELDS) and not getattr(field, "auto_now", False)
    if plain or isinstance(field, models.ForeignKey):
        return attrgetter(field.attname)
    return lambda row: field.get_db_prep_save(field.pre_save(row, add=True), connection)


def _as_jsonb(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def insert_columns(model: type[Model], columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert many rows of one model, given column by column (attribute names, the key among them), in one statement.

    Every other column gets its field's default. The leanest way in for rows of many columns that are mostly defaults:
    only what differs travels. Errors are the database's own, for all rows together.
    """
    fields = [_column(model, name) for name in columns]
    constants = _constants(model, frozenset(columns))
    quoted = [connection.ops.quote_name(str(f.column)) for f in (*fields, *constants)]
    arrays = ", ".join(f"%s::{_array_type(f)}[]" for f in fields)
    values = ", ".join([*(f"v.c{n}" for n in range(len(fields))), *(f"%s::{_array_type(f)}" for f in constants)])
    names = ", ".join(f"c{n}" for n in range(len(fields)))
    statement = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({', '.join(quoted)}) SELECT {values} FROM unnest({arrays}) AS v({names})"
    blank = model()
    defaults = [f.get_db_prep_save(f.pre_save(blank, add=True), connection) for f in constants]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*defaults, *map(array_literal, columns.values())])


@cache
def _constants(model: type[Model], given: frozenset[str]) -> list[models.Field]:
    """The columns that `given` leaves to their defaults: those without any are left out, they are NULL."""
    return [f for f in _copied_fields(model) if f.attname not in given and (f.has_default() or not f.null)]


def update_rows(rows: Sequence[Any], fields: Sequence[str], *, model: type[Model] | None = None) -> None:
    """Write `fields` of many saved rows of one model in one statement, by their keys; a `updated_ts` is written besides.

    With `model`, the rows may be anything that has the attributes.
    """
    if not rows:
        return
    model = model or type(rows[0])
    columns = [_column(model, name) for name in (model._meta.pk.attname, *fields)]
    names = [connection.ops.quote_name(str(f.column)) for f in columns]
    arrays = ", ".join(f"%s::{_array_type(f)}[]" for f in columns)
    assignments = ", ".join(f"{name} = v.{name}" for name in names[1:])
    if any(f.name == "updated_ts" for f in model._meta.local_concrete_fields):
        assignments += ", updated_ts = clock_timestamp()"
    table = connection.ops.quote_name(model._meta.db_table)
    statement = f"UPDATE {table} AS t SET {assignments} FROM unnest({arrays}) AS v({', '.join(names)}) WHERE t.{names[0]} = v.{names[0]}"
    readers = [(attrgetter("pk" if f.primary_key else f.attname), isinstance(f, models.JSONField)) for f in columns]
    values = [
        array_literal([_as_jsonb(read(row)) for row in rows] if is_json else [read(row) for row in rows])
        for read, is_json in readers
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def array_literal(values: Iterable[Any]) -> str:
    """`values` (texts, UUIDs, numbers, moments, Jsonb, None) in PostgreSQL's own writing of an array, to be cast by the statement.

    psycopg adapts an array element by element in Python, which for thousands of values costs more than the statement.
    """
    return "{" + ",".join([_WRITERS[type(value)](value) for value in values]) + "}"


class _Writers(dict[type, Callable[[Any], str]]):
    """By type; a subclass (a choice is a str) is written as what it is derived from."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        base = next(each for each in kind.__mro__[1:] if each in _WRITERS)
        self[kind] = self[base]
        return self[kind]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS = _Writers(
    {
        type(None): lambda value: "NULL",
        str: lambda value: _quoted(str(value)),
        UUID: str,
        bool: lambda value: "t" if value else "f",
        int: str,
        float: repr,
        Decimal: str,
        datetime: lambda value: f'"{value.isoformat()}"',
        date: lambda value: value.isoformat(),
        Jsonb: lambda value: _quoted(json.dumps(value.obj, cls=DjangoJSONEncoder)),
    }
)


def _column(model: type[Model], name: str) -> models.Field:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} is no column of {model.__name__}.")
    return field


def _array_type(field: models.Field) -> str:
    """As an array's element. A text is cast to no length: that would cut it off without a word."""
    if isinstance(field, models.CharField):
        return "text"
    return (field.rel_db_type(connection) if field.is_relation else field.db_type(connection)) or "text"


def first_id(at: datetime) -> UUID:
    """The least key that a row made at `at` or later can have (UUIDv7 begins with milliseconds; RFC 9562, section 5.7)."""
    return UUID(int=int(at.timestamp() * 1_000) << 80)


def now() -> datetime:
    """The database's clock, which alone decides: not the transaction's start, which a lock may have made old."""
    moment: datetime = fetch_all("SELECT clock_timestamp()")[0][0]
    return moment


def fetch_all(sql: str, params: Iterable[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one statement, as tuples."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params if isinstance(params, dict) else list(params))
        return list(cursor.fetchall()) if cursor.description else []


def fetch_prepared(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that is asked all the time: PostgreSQL keeps its plan, `params` travel apart."""
    with _quick_cursor(tuple_row) as cursor:
        cursor.execute(sql, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def plain_rows(sql: str, params: Sequence[Any], *, keep_plan: bool) -> list[dict[str, Any]]:
    """The rows of a statement of Django's (`%s` for values), several times as quick as Django reads them.

    No field converts its value: moments are in UTC, JSON is read, an address of the internet is Python's own. With
    `keep_plan` PostgreSQL keeps the statement's plan, whatever the values; otherwise it makes one for these values.
    """
    with _quick_cursor(dict_row) as cursor:
        if keep_plan:
            cursor.execute(sql, params)
        else:
            cursor.execute(psycopg.ClientCursor(connection.connection).mogrify(sql, params))
        found: list[dict[str, Any]] = cursor.fetchall()
        return found


@contextmanager
def _quick_cursor(row_factory: Any) -> Iterator[Any]:
    """Django's cursor around one of psycopg's that reads PostgreSQL's binary format and prepares what is repeated.

    Django's own binds values itself, which allows neither.
    """
    with connection.cursor() as cursor:
        cursor.cursor = psycopg.Cursor(connection.connection, row_factory=row_factory)
        cursor.cursor.format = Format.BINARY
        yield cursor


def is_connection_error(error: BaseException) -> bool:
    """Whether the database itself was away (and not: the statement was wrong, or came into a deadlock).

    psycopg's OperationalError is also a value too long for its index, a deadlock, a statement that took too long.
    """
    cause = error.__cause__ or error
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_AWAY)
