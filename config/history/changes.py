"""One row's history, newest first: when, who, from where, and what became of each field and of what is linked to it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from heapq import merge
from itertools import takewhile
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, ForeignKey, Model
from django.utils import timezone

from config.accounts.models import User
from config.history.tracking import HistoryRow

PAGE = 25
_MOST_SHOWN = 300
_BEFORE_IT_PARTS = 40
_ONE_STROKE = timedelta(seconds=1)
_PLACE = re.compile(r"[0-9]{1,18}")
_VERBS = {"insert": "Made", "update": "Changed", "delete": "Deleted"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """`is_first_known`: what stood before it is not known. `is_link`: something was linked to the row, or no longer is."""

    at: datetime
    verb: str
    who: str
    where: str
    address: str
    differences: Sequence[Difference]
    is_first_known: bool
    is_link: bool

    @property
    def has_before(self) -> bool:
        return any(each.before for each in self.differences)


@dataclass(frozen=True, kw_only=True)
class History:
    """`older` is where the next page begins: how far each table was told."""

    changes: Sequence[Change]
    older: str | None


def history_of(
    kept: type[HistoryRow], key: Any, *, links: Sequence[type[HistoryRow]] = (), before: str = ""
) -> History:
    """One page. `links` keep what was linked to the row (the groups of a user); `before` is the `older` of a newer page.

    Costs one query a table, one for the users, and one for each other table that the rows point at.
    """
    tables = (kept, *links)
    places = _places(before, len(tables))
    of_each = [
        [(change, table, place) for change, place in _changes(each, key, places[table], reader)]
        for table, (each, reader) in enumerate(zip(tables, (_Reader, *[_LinkReader] * len(links)), strict=True))
    ]
    told = list(merge(*of_each, key=lambda one: one[0].at, reverse=True))  # a table stays in its own order
    for _, table, place in told[:PAGE]:
        places[table] = place
    older = ".".join("" if place is None else str(place) for place in places) if len(told) > PAGE else None
    return History(changes=_together([change for change, _, _ in told[:PAGE]]), older=older)


def _together(changes: Sequence[Change]) -> list[Change]:
    """What was linked at one stroke (all that a form gave or took) as one change."""
    found: list[Change] = []
    for change in changes:
        if found and change.is_link and _is_one_stroke(found[-1], change):
            found[-1] = replace(found[-1], differences=[*found[-1].differences, *change.differences])
        else:
            found.append(change)
    return found


def _is_one_stroke(later: Change, change: Change) -> bool:
    same = all(getattr(later, name) == getattr(change, name) for name in ("verb", "who", "where", "address"))
    return same and later.at - change.at < _ONE_STROKE


def _places(text: str, count: int) -> list[int | None]:
    """How far each table was told; None is not at all."""
    words = text.split(".")
    if len(words) != count or not all(not word or _PLACE.fullmatch(word) for word in words):
        return [None] * count
    return [int(word) if word else None for word in words]


def _changes(kept: type[HistoryRow], key: Any, before: int | None, reader: type["_Reader"]) -> list[tuple[Change, int]]:
    """One more than a page has, each with its place in its table."""
    found = kept.objects.filter(**{kept.KEY: key})
    if before is not None:
        found = found.filter(pgh_id__lt=before)
    rows = list(found.order_by("-pgh_id")[: PAGE + 2])
    read = reader(rows)
    pairs = zip(rows[: PAGE + 1], [*rows[1:], None], strict=False)
    return [(read.change(row, earlier), row.pgh_id) for row, earlier in pairs]


class _Reader:
    """Puts rows into words, with the names of whoever and whatever they point at."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def change(self, row: Any, earlier: Any | None) -> Change:
        context = row.pgh_context or {}
        return Change(
            at=row.pgh_created_at,
            verb=self._verb(row),
            who=self._who(context),
            where=_where(context),
            address=context.get("url", ""),
            differences=list(self._differences(row, earlier)),
            is_first_known=self._is_first_known(row, earlier),
            is_link=isinstance(self, _LinkReader),
        )

    def _verb(self, row: Any) -> str:
        return _VERBS.get(row.pgh_label, f"{row.pgh_label.capitalize()} changed")

    def _is_first_known(self, row: Any, earlier: Any | None) -> bool:
        return earlier is None and row.pgh_label != "insert"

    def _who(self, context: Mapping[str, Any]) -> str:
        user, token = context.get("user"), context.get("token")
        name = self._name(User, user) if user else "Nobody signed in"
        return f"{name}, with the token {token}" if token else name

    def _differences(self, row: Any, earlier: Any | None) -> Iterator[Difference]:
        if row.pgh_label == "delete" or self._is_first_known(row, earlier):
            return
        for field in _fields(type(row)):
            was = None if row.pgh_label == "insert" else getattr(earlier, field.attname)
            now = getattr(row, field.attname)
            before, after = self._text(field, was), self._text(field, now)
            if was != now and (before or after):
                before, after = _cut(before, after)
                yield Difference(label=str(field.verbose_name), before=before, after=after)

    def _text(self, field: Field, value: Any) -> str:
        if value in (None, "", [], {}):
            return ""
        if isinstance(field, ForeignKey):
            return self._name(field.related_model, value)
        if isinstance(value, bool):
            return "Yes" if value else "No"
        if isinstance(value, datetime):
            return f"{timezone.localtime(value):%b %-d, %Y, %H:%M:%S}"
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
        return str(dict(field.flatchoices).get(value, value))

    def _name(self, model: Any, key: Any) -> str:
        return self._names.get((model, str(key)), f"{model._meta.verbose_name} {key}")

    @cached_property
    def _names(self) -> dict[tuple[type[Model], str], str]:
        wanted: dict[type[Model], set[str]] = {User: {str(u) for u in map(_user, self._rows) if u}}
        for field in _fields(type(self._rows[0])):
            if isinstance(field, ForeignKey):
                keys = {str(key) for row in self._rows if (key := getattr(row, field.attname))}
                wanted.setdefault(field.related_model, set()).update(keys)
        return {
            (model, str(row.pk)): str(row)
            for model, keys in wanted.items()
            if keys
            for row in model._default_manager.filter(pk__in=keys)
        }


class _LinkReader(_Reader):
    """Of rows that are made and deleted, and say only what is linked to what."""

    def _verb(self, row: Any) -> str:
        (field,) = _fields(type(row))
        return f"{str(field.verbose_name).capitalize()} {'removed' if row.pgh_label == 'delete' else 'added'}"

    def _is_first_known(self, row: Any, earlier: Any | None) -> bool:
        return False

    def _differences(self, row: Any, earlier: Any | None) -> Iterator[Difference]:
        (field,) = _fields(type(row))
        name = self._text(field, getattr(row, field.attname))
        before, after = (name, "") if row.pgh_label == "delete" else ("", name)
        yield Difference(label=str(field.verbose_name), before=before, after=after)


def _fields(kept: type[HistoryRow]) -> list[Any]:
    """What was copied from the row, but for its key."""
    return [f for f in kept._meta.local_concrete_fields if not f.name.startswith("pgh_") and f.name != kept.KEY]


def _user(row: Any) -> str | None:
    return (row.pgh_context or {}).get("user")


def _where(context: Mapping[str, Any]) -> str:
    match context:
        case {"job": _}:
            return "A job of the back office"
        case {"command": name}:
            return f"Command {name}"
        case {"url": str(url)}:
            return "API" if url.startswith("/api/") else "Back office"
        case _:
            return "The program itself, or SQL"


def _cut(before: str, after: str) -> tuple[str, str]:
    """Long texts from a little before the place where they part."""
    if max(len(before), len(after)) <= _MOST_SHOWN:
        return before, after
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    start = max(0, alike - _BEFORE_IT_PARTS)
    return _from(before, start), _from(after, start)


def _from(text: str, start: int) -> str:
    end = start + _MOST_SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"
