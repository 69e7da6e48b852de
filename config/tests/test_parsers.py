import io
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from config.api.parsers import MAX_DEPTH, StrictJSONParser

REFUSED = {
    "NUL": rb'{"a": "x\u0000y"}',
    "NUL in a key": rb'{"a\u0000": 1}',
    "NUL within a list": rb'[["\u0000"]]',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "a number that overflows": b'{"a": 1e999}',
    "a negative number that overflows": b"-1e999",
    "an integer without end": b"1" * 5_000,
    "first half of a pair": rb'"\ud83d"',
    "second half of a pair": rb'{"\ude00": 1}',
    "halves in the wrong order": rb'"\ude00\ud83d"',
    "too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    "far too deep": b'{"a":' * 100_000,
    "broken UTF-8": b'{"a": "\xff"}',
    "a surrogate in UTF-8": b'"\xed\xa0\xbd"',
    "half a document": b'{"a": ',
    "two documents": b"{} {}",
    "nothing": b"",
}

ACCEPTED = {
    rb'{"a": "\ud83d\ude00"}': {"a": "😀"},
    '{"naïve": ["Zoë", 1, -2.5, true, false, null, {}]}'.encode(): {"naïve": ["Zoë", 1, -2.5, True, False, None, {}]},
    b'"NaN"': "NaN",
    b"1e308": 1e308,
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH: None,
}


def parse(body: bytes, encoding: str = "utf-8") -> Any:
    return StrictJSONParser().parse(io.BytesIO(body), "application/json", {"encoding": encoding})


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_stored_is_refused_with_a_sentence(body):
    with pytest.raises(ParseError, match="JSON parse error - "):
        parse(body)


@pytest.mark.parametrize(("body", "value"), ACCEPTED.items())
def test_everything_else_is_read_as_it_stands(body, value):
    assert parse(body) == value or value is None


def test_a_charset_nobody_knows_is_refused():
    with pytest.raises(ParseError):
        parse(b"{}", "utf-pigeon")


def test_another_charset_is_read():
    assert parse('{"a": "Zoë"}'.encode("latin-1"), "latin-1") == {"a": "Zoë"}
