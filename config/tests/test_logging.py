"""Whatever road an address takes into a line, it does not come out (RELIABILITY S2)."""

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import structlog

from config.logging import logging_config, mask_addresses

LOCALS = ("jane", "jane.doe", "jane+news", "j_d-1", "o'neil", "jörg", "дмитрий", "a", "JANE", "jane%doe")
DOMAINS = (
    "example.test",
    "mail.example.co.uk",
    "bücher.de",
    "xn--bcher-kva.de",
    "EXAMPLE.COM",
    "пример.рф",
    "e.travel",
)
PHONES = (
    "+1416555{}",
    "+1 416 555 {}",
    "+1-416-555-{}",
    "(416) 555-{}",
    "416-555-{}",
    "416.555.{}",
    "1416555{}",
    "whatsapp:+1416555{}",
    "+49 (0) 30 555{}",
    "tel:+44-20-7946-{}",
)

EMAILS = [f"{local}@{domain}" for local in LOCALS for domain in DOMAINS]
NUMBERS = [phone.format(f"{2000 + 37 * n}") for n in range(13) for phone in PHONES]
CANARIES = EMAILS + NUMBERS


@pytest.fixture(params=["development", "production"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What our logging writes, by the renderer of each environment."""
    plain = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    renderer = plain if request.param == "development" else structlog.processors.JSONRenderer()
    before = structlog.get_config()
    config = logging_config("DEBUG", renderer=renderer)
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    formatter = config["formatters"]["line"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=formatter["processors"], foreign_pre_chain=formatter["foreign_pre_chain"]
        )
    )
    logger = logging.getLogger("canary")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
    yield text
    logger.removeHandler(handler)
    logger.propagate = True
    structlog.configure(**before)


def raised(address: str) -> None:
    try:
        raise ValueError(f"no such recipient: {address}")
    except ValueError:
        logging.getLogger("canary").exception("failed")


ROADS: dict[str, Callable[[str], object]] = {
    "event": lambda a: structlog.get_logger("canary").info(f"sent to {a}"),
    "keyword": lambda a: structlog.get_logger("canary").info("sent", recipient=a),
    "list": lambda a: structlog.get_logger("canary").info("sent", recipients=[a, a]),
    "dictionary": lambda a: structlog.get_logger("canary").info("sent", facts={"to": {"address": a}}),
    "tuple": lambda a: structlog.get_logger("canary").info("sent", pair=(1, a)),
    "bytes": lambda a: structlog.get_logger("canary").info("received", raw=f"From={a}".encode()),
    "error": lambda a: structlog.get_logger("canary").info("failed", error=ValueError(a)),
    "standard argument": lambda a: logging.getLogger("canary").warning("to %s", a),
    "query string": lambda a: logging.getLogger("canary").warning("GET /search?to=%s&page=2", quote(a)),
    "traceback": raised,
}


def forms(address: str) -> set[str]:
    """The address as it may stand in a line: plain, in a URL, within JSON, within the bytes' own notation."""
    return {address, quote(address), json.dumps(address)[1:-1], repr(address.encode())[2:-1]}


def test_there_are_two_hundred_canaries():
    assert len(set(CANARIES)) == 200


@pytest.mark.parametrize("road", ROADS)
def test_no_address_ever_appears(road, written):
    for canary in CANARIES:
        ROADS[road](canary)
    text = written.getvalue()
    assert text.count("\n") >= len(CANARIES)
    assert [canary for canary in CANARIES if any(form in text for form in forms(canary))] == []


def test_secrets_are_dropped_whole(written):
    structlog.get_logger("canary").info("signed", token="abc123", body="Body=CONFIRM", signature="zzz")
    assert not any(secret in written.getvalue() for secret in ("abc123", "CONFIRM", "zzz"))


def test_ids_stay_readable(written):
    key = "0190a3b2-1234-7567-8901-234567890123"
    structlog.get_logger("canary").info("settled", batch=key, message_data_id=key, count=14165551234)
    assert written.getvalue().count(key) == 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to +1 416 555 1234 now", "to ***1234 now"),
        ("jane@example.test", "j***@example.test"),
        ("due at 2026-11-15 17:00:00+00:00", "due at 2026-11-15 17:00:00+00:00"),
        ("for 2026-11-15", "for 2026-11-15"),
        ("21610 of 1000 rows in 0.25 s", "21610 of 1000 rows in 0.25 s"),
    ],
)
def test_what_is_left_still_helps_support(text, masked):
    assert mask_addresses(text) == masked


@pytest.mark.parametrize("length", range(1_900, 2_500, 7))
def test_an_endless_text_is_cut_and_no_half_of_an_address_is_left(written, length):
    structlog.get_logger("canary").info(
        "asked", path="/" + "x " * (length // 2) + "jane.doe.of.windsor@example.test" + " y" * 9_000
    )
    assert len(written.getvalue()) < 3_000
    assert "ane.doe" not in written.getvalue()
