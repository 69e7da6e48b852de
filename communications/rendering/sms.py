"""SMS as the carriers count it: GSM-7 with its extension table, UCS-2, segments and their price.

Checked against Twilio's own calculator. A text is GSM-7 when every letter is in that alphabet (160 units, or 153 in
each of several segments), else UCS-2 as a whole (70, or 67). A letter of two units never straddles two segments.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from communications.rendering.plain import compile_message
from communications.rendering.problems import TemplateProblem
from communications.rendering.samples import sample_text

MAX_CHARACTERS = 1600  # Twilio refuses a longer body (21617)

Encoding = Literal["GSM-7", "UCS-2"]

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"  # sent as an escape and a letter: two units
_GSM = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*")
_NOT_GSM = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")
_TWO_SEPTETS = re.compile(f"[{re.escape(_EXTENSION)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class SmsMeasure:
    """`characters` as a person counts (code points), `units` as the carrier does (septets or UTF-16 units).

    `offending` is the first character that forces UCS-2, None in GSM-7. An empty text has no segment.
    """

    encoding: Encoding
    characters: int
    units: int
    segments: int
    offending: str | None = None

    @property
    def capacity(self) -> int:
        """How many units fit into as many segments as the text takes now (into one, if it is empty)."""
        single, several = _SIZES[self.encoding]
        return single if self.segments <= 1 else several * self.segments


_SIZES = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


def measure(text: str) -> SmsMeasure:
    """Encoding, length and segments of `text`."""
    encoding: Encoding
    if _GSM.fullmatch(text):
        wide = [match.start() for match in _TWO_SEPTETS.finditer(text)]
        encoding, offending = "GSM-7", None
    else:
        wide = [match.start() for match in _ASTRAL.finditer(text)]
        encoding, offending = "UCS-2", _first(_NOT_GSM, text)
    units = len(text) + len(wide)
    return SmsMeasure(
        encoding=encoding,
        characters=len(text),
        units=units,
        segments=_segments(units, wide, *_SIZES[encoding]),
        offending=offending,
    )


def compile_sms(template_schema: Mapping[str, Any]) -> dict[str, Any]:
    """`template_schema` (`{"message": …}`) with what follows from its message made anew, whatever the input claims.

    That is `encoding`, `characterCount`, `segmentCount`, `variables`, `maxLength` (units in as many segments); all are
    counted on the text with sample values in it, so they are an estimate for a template with variables. Other keys
    (`allowReplies`, `keywordResponses`) stay. Raises `TemplateProblem` naming the field.
    """
    compiled = compile_message(template_schema)
    measured = measure(sample_text(compiled))
    if measured.characters > MAX_CHARACTERS:
        raise TemplateProblem(f"An SMS has at most {MAX_CHARACTERS} characters.", field="message")
    return {
        **template_schema,
        "encoding": measured.encoding,
        "characterCount": measured.characters,
        "segmentCount": measured.segments,
        "variables": list(compiled.variable_order),
        "maxLength": measured.capacity,
    }


def cost(segments: int, to_country: str, rates: Mapping[str, Any]) -> Decimal:
    """Price of `segments` to a country (ISO 3166), by `rates` a segment: `{"CA": "0.0079", "default": "0.05"}`.

    In the currency of the table. Raises `LookupError` for a country that the table does not price.
    """
    rate = rates.get(to_country.upper(), rates.get("default"))
    if rate is None:
        raise LookupError(f"No rate for SMS to {to_country}.")
    return segments * Decimal(str(rate))


def _segments(units: int, wide: Iterable[int], single: int, several: int) -> int:
    """How many segments `units` take, when the characters at the places `wide` take two units each."""
    if units <= single:
        return 1 if units else 0
    padding = 0  # units left empty at the end of segments, where a pair would have been cut
    for earlier_pairs, place in enumerate(wide):
        start = place + earlier_pairs + padding
        if start % several == several - 1:
            padding += 1
    return -(-(units + padding) // several)


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0] if found else None
