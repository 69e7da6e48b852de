"""What changed between two versions of a template: field by field, line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from communications.models.schema import SchemaContent

_FIELDS = tuple(field.name for field in SchemaContent._meta.get_fields())
_HEADER_LINES = 2  # the names of two files, in a unified diff


@dataclass(frozen=True, kw_only=True)
class Line:
    """`sign` is that of a unified diff: `+`, `-`, a blank, or `@` for equal lines that are left out."""

    sign: str
    text: str


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    field: str
    lines: tuple[Line, ...]

    @property
    def label(self) -> str:
        return "Content" if self.field == "template_schema" else self.field.replace("_", " ").capitalize()


def diff_versions(before: SchemaContent, after: SchemaContent) -> list[FieldDifference]:
    """The fields of a template's content that differ, each as a unified diff of its text; JSON as an outline."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _FIELDS)
    return [FieldDifference(field=name, lines=_compared(old, new)) for name, old, new in pairs if old != new]


def _compared(old: object, new: object) -> tuple[Line, ...]:
    lines = [*unified_diff(_lines(old), _lines(new), lineterm="")][_HEADER_LINES:]
    return tuple(Line(sign=line[0], text="" if line[0] == "@" else line[1:]) for line in lines[1:])


def _lines(value: object) -> list[str]:
    if isinstance(value, Mapping | list):
        return list(_outline(value))
    return [] if value in (None, "") else str(value).splitlines()


def _outline(value: Any, depth: int = 0) -> Iterator[str]:
    """JSON as indented lines, a text of several lines as several: so that a changed word is a changed line."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value, start=1)
    for key, inner in items:
        begun = f"{'  ' * depth}{key}:"
        if isinstance(inner, Mapping | list) and inner:
            yield begun
            yield from _outline(inner, depth + 1)
        elif isinstance(inner, str) and "\n" in inner:
            yield begun
            yield from (f"{'  ' * (depth + 1)}{line}" for line in inner.splitlines())
        else:
            yield f"{begun} {inner}"
