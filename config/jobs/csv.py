"""Rows as CSV that a spreadsheet shows and does not execute (OWASP, CSV injection): written in parts, read as one file."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Model, QuerySet

#: What a spreadsheet takes for the beginning of a formula, the full-width forms too, and behind blanks that nobody sees.
_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\xad\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")
#: The same within a text, where a spreadsheet that parts cells by semicolon or tab begins one; “- ” begins a line of a list.
_INSIDE = re.compile(r"([;\t\r\n][\s\x00-\x1f\xad\u200b-\u200f\u2060\ufeff]*+)((?=[=@＝＠]|[+\-＋－]\S))?")
_ROOT = "exports"
_BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as something else
_PLAIN = (
    models.CharField,
    models.TextField,
    models.UUIDField,
    models.BooleanField,
    models.IntegerField,
    models.DecimalField,
    models.FloatField,
    models.DateField,
    models.TimeField,
    models.GenericIPAddressField,
    models.ForeignKey,
)


def columns_of(model: type[Model]) -> list[str]:
    """The plain columns of a table; objects and raw bytes do not fit into cells."""
    return [field.attname for field in model._meta.concrete_fields if isinstance(field, _PLAIN)]


def as_csv(rows: QuerySet[Any], *, head: bool = True) -> Iterator[str]:
    """Line by line, UTF-8 to be. A text that begins like a formula gets an apostrophe before it."""
    columns = columns_of(rows.model)
    if head:
        yield _BYTE_ORDER_MARK + _line(columns)
    for values in rows.select_related(None).values_list(*columns).iterator(chunk_size=1_000):
        yield _line([cell(value) for value in values])


def cell(value: Any) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(timespec="seconds")
        case str() | UUID():
            text = str(value).replace("\x00", "")
            text = _INSIDE.sub(lambda found: found[1] + ("'" if found[2] is not None else ""), text)
            return f"'{text}" if _FORMULA.match(text) else text
    return value if isinstance(value, int | float) else str(value)


def write_part(rows: QuerySet[Any], *, job: UUID, position: int) -> None:
    """The same part is written again in its own place, so a repeated piece of a job doubles nothing."""
    name = _part(job, position)
    default_storage.delete(name)
    default_storage.save(name, ContentFile("".join(as_csv(rows, head=position == 0)).encode()))


def read_parts(job: UUID) -> Iterator[bytes]:
    """The whole file, part after part."""
    for name in _parts(job):
        with default_storage.open(name) as part:
            yield from part.chunks()


def delete_parts(job: UUID) -> None:
    for name in _parts(job):
        default_storage.delete(name)
    default_storage.delete(_folder(job))  # a disk's folder; an object store has none


def jobs_with_parts() -> set[UUID]:
    """Those that wrote files which were not deleted."""
    try:
        folders, _ = default_storage.listdir(_ROOT)
    except FileNotFoundError:
        return set()
    return {UUID(name) for name in folders}


def _parts(job: UUID) -> Sequence[str]:
    folder = _folder(job)
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in sorted(names)]


def _folder(job: UUID) -> str:
    return f"{_ROOT}/{job}"


def _part(job: UUID, position: int) -> str:
    return f"{_folder(job)}/{position:012d}.csv"


def _line(cells: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
