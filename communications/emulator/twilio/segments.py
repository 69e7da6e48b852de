"""How many SMS a text becomes, by the carrier's rules. Rapport has a counter of its own; this one judges it.

GSM-7: 160 septets in one, 153 in each of several; characters of the extension table take two and are not split.
UCS-2: 70 code units in one, 67 in each of several; a surrogate pair is not split.
"""

import math
from collections.abc import Iterable

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
GSM = GSM_BASIC | GSM_EXTENSION
LIMITS = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


def encoding(text: str) -> str:
    return "GSM-7" if GSM.issuperset(text) else "UCS-2"


def count(text: str) -> int:
    """At least 1, for an empty text with media is a message too."""
    name = encoding(text)
    single, part = LIMITS[name]
    wide = _wide(text, name)
    if not wide:
        return 1 if len(text) <= single else math.ceil(len(text) / part)
    sizes = [2 if char in wide else 1 for char in text]
    return 1 if sum(sizes) <= single else _pack(sizes, part)


def _wide(text: str, name: str) -> frozenset[str]:
    """The characters of `text` that take two units."""
    if name == "GSM-7":
        return GSM_EXTENSION.intersection(text)
    return frozenset(char for char in text if ord(char) > 0xFFFF)


def _pack(sizes: Iterable[int], part: int) -> int:
    segments, used = 1, 0
    for size in sizes:
        if used + size > part:
            segments, used = segments + 1, 0
        used += size
    return segments
