"""A cell of an export is a text to a spreadsheet, whatever somebody wrote into it."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.jobs.csv import as_csv, cell, columns_of
from config.jobs.models import Job


@pytest.mark.parametrize(
    "first",
    [
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\n",
        "＝",
        "＋",
        "－",
        "＠",
        " =",
        "\u00a0=",
        "\ufeff=",
        "\u200b=",
        "\u3000=",
        "\x0b=",
    ],
)
def test_what_begins_like_a_formula_is_a_text(first: str) -> None:
    assert cell(f'{first}HYPERLINK("https://evil.test";"Click")').startswith(f"'{first}")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "true"),
        (-5, -5),
        (Decimal("-1.50"), "-1.50"),
        (datetime(2026, 3, 1, 14, tzinfo=UTC), "2026-03-01T14:00:00+00:00"),
        (UUID(int=1), str(UUID(int=1))),
        ("a = b", "a = b"),
        ("nul\x00", "nul"),
        ("", ""),
    ],
)
def test_everything_else_stands_as_it_is(value: Any, written: Any) -> None:
    assert cell(value) == written


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("text", ["a;=1+1", "a;  @SUM(1)", "a\t=1", "a\n=1+1", "a\r\n+1", ";-1"])
def test_nothing_becomes_a_formula_where_cells_are_parted_otherwise(text: str, separator: str) -> None:
    lines = f"x,{cell(text)},y".splitlines()

    assert not [part for line in lines for part in line.split(separator) if part.strip()[:1] in "=+-@"]


@pytest.mark.parametrize("text", ["two things:\n- one\n- two", "a; b = c", "\n" * 50_000])
def test_what_people_write_stands_as_they_wrote_it(text: str) -> None:
    assert str(cell(text)).removeprefix("'") == text


@pytest.mark.django_db
def test_rows_come_back_as_they_were_written() -> None:
    name = 'Quote " comma , line\nbreak é 😀'
    UserFactory(email="a@rapport.test", name=name)
    UserFactory(email="b@rapport.test", name="=1+1")

    text = "".join(as_csv(User.objects.order_by("email")))
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))

    assert [row["name"] for row in rows] == [name, "'=1+1"]
    assert text.count("\ufeff") == 1


def test_objects_and_bytes_are_no_cells() -> None:
    assert "notes" not in columns_of(Job) and {"title", "created_by_id", "total"} <= set(columns_of(Job))
