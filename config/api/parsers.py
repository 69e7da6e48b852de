"""JSON as RFC 8259 has it: no NaN, no NUL, no lone surrogates, no endless nesting. PostgreSQL could not store them."""

import codecs
import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 64


class StrictJSONParser(JSONParser):
    """Parses a body into plain values; raises ParseError (400) with a sentence for anything that cannot be stored."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            value = json.load(codecs.getreader(encoding)(stream), parse_constant=_refuse_constant)
            _check(value, depth=0)
        except (ValueError, RecursionError, LookupError) as error:
            raise ParseError(f"JSON parse error - {error}") from error
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number is too large")
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_text(key)
            _check(each, depth=depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check(each, depth=depth + 1)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("a text contains the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a text contains half of a surrogate pair") from error
