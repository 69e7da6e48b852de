"""Lists by keyset: every page costs the same however deep it lies, and rows that come meanwhile move nothing.

A page is asked for by the cursor that the page before it gave (`next`, `previous`), which says where it ended and nothing
about the rows themselves. A parameter that a list does not know is refused: a misspelt filter would answer with everything.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NoReturn, cast

from django.core.exceptions import EmptyResultSet
from django.core.exceptions import ValidationError as InvalidValue
from django.db import connection
from django.db.models import Field, Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from drf_spectacular.plumbing import build_basic_type
from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from config.api.views import ApiView
from config.db import plain_rows

PAGE_SIZE = 25
LARGEST_PAGE = 200
_LONGEST_CURSOR = 1_000


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The row that a page borders on: `value` of the column that the list is ordered by, and its id."""

    value: str
    pk: str
    backwards: bool = False

    def encode(self) -> str:
        facts = json.dumps([self.value, self.pk, int(self.backwards)], separators=(",", ":"))
        return base64.urlsafe_b64encode(facts.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        if len(text) > _LONGEST_CURSOR:
            raise ValueError("too long")
        try:
            value, pk, backwards = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (binascii.Error, TypeError, RecursionError) as error:
            raise ValueError("no cursor") from error
        if not isinstance(value, str) or not isinstance(pk, str) or backwards not in (0, 1):
            raise ValueError("no cursor")
        return cls(value=value, pk=pk, backwards=bool(backwards))


class KeysetPagination(BasePagination):
    """`?cursor=…&page_size=…&ordering=…`. The view's `orderings` maps each word to a column that is never null; the id decides
    between equals, in the same direction."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._address = request.build_absolute_uri()
        self._statement = _statement(view.__class__)
        self._keeps_plan = not _names_filters(request, view)
        self._size = _page_size(request)
        column, self._descends = _ordering(request, view.orderings)
        self._cursor = _cursor(request)
        self._column = column
        rows = self._rows(queryset)
        more = len(rows) > self._size
        rows = rows[: self._size]
        backwards = self._cursor is not None and self._cursor.backwards
        self._has_next = more if not backwards else True
        self._has_previous = more if backwards else self._cursor is not None
        self._page = rows[::-1] if backwards else rows
        return self._page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._link(backwards=False), "previous": self._link(backwards=True), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": ["next", "previous", "results"], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        words = list(view.orderings)
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE}
        return [
            _parameter("cursor", build_basic_type(OpenApiTypes.STR), "From `next` or `previous` of another page."),
            _parameter("page_size", size, "Rows a page."),
            _parameter("ordering", {"type": "string", "enum": words, "default": words[0]}, "The first is the default."),
        ]

    def _rows(self, picked: QuerySet[Any]) -> list[dict[str, Any]]:
        """One more than the page has: is there another page?"""
        backwards = self._cursor is not None and self._cursor.backwards
        columns = dict.fromkeys((self._column, "id"))
        border = _border(picked.model, self._column, self._cursor) if self._cursor else ()
        try:
            sql, values = self._statement.page(picked, columns, border, descends=self._descends != backwards)
        except EmptyResultSet:  # a filter that nothing can pass
            return []
        return plain_rows(f"{sql} LIMIT {self._size + 1}", values, keep_plan=self._keeps_plan)

    def _link(self, *, backwards: bool) -> str | None:
        is_there = self._has_previous if backwards else self._has_next
        if not is_there or not self._page:
            return None
        row = self._page[0 if backwards else -1]
        value, pk = (_value(row, name) for name in (self._column, "id"))
        cursor = Cursor(value=value, pk=pk, backwards=backwards)
        return replace_query_param(self._address, "cursor", cursor.encode())


class KnownParameters(DjangoFilterBackend):
    """django-filter's backend, for lists that refuse what they do not know."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        known = {*view.filterset_class.base_filters, "cursor", "page_size", "ordering", "format"}
        unknown = [name for name in request.query_params if name not in known]
        if unknown:
            detail = [ErrorDetail("There is no such parameter.", code="unknown_parameter")]
            raise ValidationError({name[:100]: detail for name in unknown[:20]})
        if not _names_filters(request, view):
            return queryset
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


class ListingView(ApiView):
    """A collection: `GET` is a page of it. `queryset` says what the list shows, as `.values()` of columns and annotations.

    Which rows those are is asked apart (`picked`), so that Django has to write what a list shows only once.
    """

    orderings: ClassVar[Mapping[str, str]] = {"-created_ts": "-id", "created_ts": "id"}
    filterset_class: type[FilterSet]
    filter_backends = (KnownParameters,)
    pagination_class = KeysetPagination

    def picked(self) -> QuerySet[Any]:
        """The rows that the list is of, before filters: in any column of the model itself."""
        rows: QuerySet[Any] = self.get_queryset().model._default_manager.all()
        return rows

    def page(self) -> Response:
        """The page that the request asks for."""
        rows = self.paginate_queryset(self.filter_queryset(self.picked()))
        return self.get_paginated_response([self.as_shown(row) for row in rows or ()])

    def as_shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as the list tells it. It goes past serializers, whose walk from field to field costs more than all else."""
        return row


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """What a list asks for its rows: all but conditions and order, with its `values`; and how a query for keys alone begins."""

    shown: str
    values: tuple[Any, ...]
    keys: str
    model: type[Model]

    def page(
        self, picked: QuerySet[Any], columns: Iterable[str], border: Sequence[Any], *, descends: bool
    ) -> tuple[str, tuple[Any, ...]]:
        """The rows that `picked` finds, in the order of `columns`, from beyond `border`, their values in one row.

        Raises EmptyResultSet.
        """
        conditions, values = self._conditions(picked)
        names = [self._quoted(column) for column in columns]
        if border:
            places = ", ".join(["%s"] * len(border))
            conditions.append(f"({', '.join(names)}) {'<' if descends else '>'} ({places})")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ", ".join(f"{name} {'DESC' if descends else 'ASC'}" for name in names)
        return f"{self.shown}{where} ORDER BY {order}", (*self.values, *values, *border)

    def _conditions(self, picked: QuerySet[Any]) -> tuple[list[str], tuple[Any, ...]]:
        if not picked.query.where:
            return [], ()
        sql, values = picked.order_by().values("pk").query.sql_with_params()
        start = f"{self.keys} WHERE "
        if not sql.startswith(start):
            raise ValueError(f"A list picks its rows by their own columns alone, not by {sql}")
        return [f"({sql.removeprefix(start)})"], values

    def _quoted(self, name: str) -> str:
        column = cast("Field[Any, Any]", self.model._meta.get_field(name)).column
        return ".".join(connection.ops.quote_name(str(part)) for part in (self.model._meta.db_table, column))


@cache
def _statement(view: Any) -> _Statement:
    """Of a class of lists."""
    model = view.queryset.model
    shown, values = view.queryset.order_by().query.sql_with_params()
    keys, _ = model._base_manager.order_by().values("pk").query.sql_with_params()
    return _Statement(shown=shown, values=values, keys=keys, model=model)


def _value(row: Mapping[str, Any], column: str) -> str:
    """As its field reads it again."""
    value = row[column]
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _names_filters(request: Request, view: Any) -> bool:
    return not request.query_params.keys().isdisjoint(view.filterset_class.base_filters)


def _parameter(name: str, schema: Any, description: str) -> dict[str, Any]:
    return {"name": name, "required": False, "in": "query", "schema": schema, "description": description}


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size", str(PAGE_SIZE))
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 0 < int(text) <= LARGEST_PAGE):
        _refuse("page_size", "invalid", f"A page has 1 to {LARGEST_PAGE} rows.")
    return int(text)


def _ordering(request: Request, orderings: Mapping[str, str]) -> tuple[str, bool]:
    """The column, and whether it descends."""
    word = request.query_params.get("ordering", next(iter(orderings)))
    if word not in orderings:
        _refuse("ordering", "invalid_choice", f"This list is ordered by one of {', '.join(orderings)}.")
    column = orderings[word]
    return column.removeprefix("-"), column.startswith("-")


def _cursor(request: Request) -> Cursor | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return Cursor.decode(text)
    except ValueError:
        _refuse_cursor()


def _border(model: type[Model], column: str, cursor: Cursor) -> tuple[Any, ...]:
    """The values of the cursor's row, as the database reads them."""
    try:
        pk = model._meta.pk.to_python(cursor.pk)
        if column == model._meta.pk.name:
            return (pk,)
        value = cast("Field[Any, Any]", model._meta.get_field(column)).to_python(cursor.value)
    except (InvalidValue, ValueError, OverflowError):
        _refuse_cursor()
    if isinstance(value, str) and "\x00" in value:
        _refuse_cursor()
    return value, pk


def _refuse_cursor() -> NoReturn:
    _refuse("cursor", "invalid_cursor", "This is no cursor of this list.")


def _refuse(parameter: str, code: str, sentence: str) -> NoReturn:
    raise ValidationError({parameter: [ErrorDetail(sentence, code=code)]})
