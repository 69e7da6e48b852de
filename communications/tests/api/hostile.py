"""Five hundred texts that nobody should send, the same in each run: each is stored as it is, or refused."""

import random
import sys
import unicodedata

COUNT = 500

#: Refused by the JSON parser, whatever field they stand in.
UNREADABLE = ("\x00", "a\x00b", "\ud800", "x\udfff")

_CLASSICS = (
    "' OR '1'='1", "'; DROP TABLE f_message_data; --", '"; SELECT pg_sleep(10); --', "%", "_", "\\", "\\'", "$$", "$1", "%s",
    "%(name)s", "{0.__class__}", "{{ 7*7 }}", "{{ firstName", "{% for a in (1..999999) %}x{% endfor %}", "{% raw %}", "{{}}",
    "${7*7}", "#{7*7}", "<%= 7 %>", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "javascript:alert(1)",
    "data:text/html,<script>", "<!--", "]]>", "<![CDATA[", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "../../../../etc/passwd", "..\\..\\windows", "/dev/null", "file:///etc/passwd", "http://169.254.169.254/", "//evil.example",
    "\r\nBcc: all@example.com", "Subject: x\nTo: y", "a\rb", "\n", "\t", " ", "\u00a0", "\u200b", "\ufeff", "\u202eevil", "\u2066x\u2069",
    "\u0301" * 50, "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334", "\u0661\u0662\u0663", "２０２６", "ﬃ", "İ", "ı", "ß", "ẞ", "\ufdfa",
    "👩‍👩‍👧‍👦", "🇨🇦", "😀" * 200, "\U0010ffff", "\ufffe", "\uffff", "\x01", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029",
    "null", "undefined", "NaN", "Infinity", "-Infinity", "true", "0", "-1", "-0", "1e999", "0x10", "1_000", "9" * 400, "0.1" * 100,
    "9223372036854775808", "-9223372036854775809", "2147483648", "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-7000-8000-000000000000}", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "+14165551234;ext=1", "tel:+1", "+" * 50, "@", "a@", "@b", "a@b", "a@b@c",
    '"a b"@example.com', "a@[127.0.0.1]", "a@xn--", "é@exämple.com", "a" * 65 + "@example.com", "x@" + "a" * 250 + ".com",
    "[]", "{}", "[" * 500, '{"a":' * 100, "=1+1", "@SUM(1)", "=HYPERLINK(\"http://evil\")", "|calc", "*" * 1_000, "a" * 10_001,
    "é" * 20_000, "\U0001f600" * 5_000, "(" * 2_000, "(a+)+$", "a" * 100 + "!", "\\u0000", "%00", "%0d%0a", "%c0%ae", "&#0;", "&lt;", "+", "&", "#", "?",
)  # fmt: skip


def _all() -> tuple[str, ...]:
    luck = random.Random(2026)
    texts = dict.fromkeys(_CLASSICS)
    while len(texts) < COUNT:
        texts[_noise(luck)] = None
    return tuple(texts)


def _noise(luck: random.Random) -> str:
    """Characters from all of Unicode that can be encoded, and pieces of the classics among them."""
    parts = [
        luck.choice(_CLASSICS)[:40] if luck.random() < 0.2 else _character(luck) for _ in range(luck.randint(1, 60))
    ]
    return "".join(parts)


def _character(luck: random.Random) -> str:
    while True:
        character = chr(luck.randint(1, sys.maxunicode if luck.random() < 0.5 else 0x2FFF))
        if unicodedata.category(character) != "Cs":
            return character


HOSTILE = _all()
