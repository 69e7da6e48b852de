import base64
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus
from communications.emulator.config import SENDGRID_PUBLIC_KEY
from communications.emulator.sendgrid import signing
from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.models import DeliveryEvent
from communications.providers.base import DeliveryReceipt
from communications.providers.sendgrid import SendGrid, events
from communications.tests.engine_fixtures import fresh, waiting
from communications.tests.providers.contracts import Post
from communications.tests.providers.test_sendgrid import signed

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "sendgrid"
JOHN, JANE, EMILY, ROBIN = (UUID(f"01939d10-0000-7000-8000-00000000000{n}") for n in (1, 2, 3, 4))
KINDS = [
    (JOHN, EventKind.QUEUED),
    (JOHN, EventKind.DEFERRED),
    (JOHN, EventKind.DELIVERED),
    (JOHN, EventKind.OPENED),
    (JOHN, EventKind.CLICKED),
    (JANE, EventKind.BOUNCED),
    (EMILY, EventKind.UNDELIVERED),
    (ROBIN, EventKind.FAILED),
    (JOHN, EventKind.COMPLAINED),
    (JOHN, EventKind.UNSUBSCRIBED),
    (JOHN, EventKind.UNSUBSCRIBED),
]


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def receipts(elements: Any) -> list[DeliveryReceipt]:
    return list(SendGrid().parse_events(signed(elements).stored("sendgrid", "events")))


def receipt(**changes: Any) -> DeliveryReceipt:
    [one] = receipts([{"event": "delivered", "sg_event_id": "a", "m": str(JOHN), "timestamp": 1763233200, **changes}])
    return one


def verify(post: Post) -> None:
    SendGrid().verify(post.request(), post.url)


def refused(post: Post) -> None:
    with pytest.raises(WebhookRejected):
        verify(post)


# --- the signature


def test_development_verifies_what_the_emulator_signs(settings: Any) -> None:
    assert settings.SENDGRID_EVENT_PUBLIC_KEY == SENDGRID_PUBLIC_KEY == signing.public_key()


def test_the_key_before_the_present_one_still_counts_while_it_is_being_changed(settings: Any) -> None:
    settings.SENDGRID_EVENT_PUBLIC_KEY_PREVIOUS = SENDGRID_PUBLIC_KEY
    settings.SENDGRID_EVENT_PUBLIC_KEY = key_of(ec.generate_private_key(ec.SECP256R1()))
    verify(signed([]))

    settings.SENDGRID_EVENT_PUBLIC_KEY_PREVIOUS = ""
    refused(signed([]))


def key_of(private: Any) -> str:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "garbage",
        "Z2FyYmFnZQ==",
        "ключ",
        key_of(ec.generate_private_key(ec.SECP384R1())),
        key_of(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_without_a_key_that_is_one_nothing_is_valid(settings: Any, key: str) -> None:
    settings.SENDGRID_EVENT_PUBLIC_KEY = key
    refused(signed([]))


@pytest.mark.parametrize("signature", ["", "garbage", "Z2FyYmFnZQ==", "====", "\udcff", "a" * 10_000])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    post = signed([])
    post.headers[signing.SIGNATURE] = signature
    refused(post)


@pytest.mark.parametrize("at", ["", "soon", "-1", "1e9", "٣", "1763233200.5", "9" * 400])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    post = signed([])
    post.headers[signing.TIMESTAMP] = at
    refused(post)


def test_the_time_is_part_of_what_is_signed() -> None:
    post = signed([])
    post.headers[signing.TIMESTAMP] = str(int(post.headers[signing.TIMESTAMP]) - 1)
    refused(post)


def test_a_time_that_is_still_to_come_is_refused_and_one_long_past_is_not() -> None:
    verify(signed([], at=time.time() + 590))
    verify(signed([], at=time.time() - 3 * 86_400))
    refused(signed([], at=time.time() + 610))


# --- what the events say


def test_each_of_its_words_becomes_ours() -> None:
    assert [(r.reference, r.kind) for r in receipts(sample("every_kind"))] == KINDS


def test_an_element_that_is_not_about_a_message_of_ours_says_nothing() -> None:
    assert receipts(sample("nothing_of_ours")) == []


def test_a_bounce_says_why() -> None:
    bounce, blocked = (r for r in receipts(sample("every_kind")) if r.reference in (JANE, EMILY))

    assert (bounce.error_code, bounce.reason[:9]) == ("5.1.1", "550 5.1.1")
    assert (blocked.error_code, blocked.payload["bounce_classification"]) == ("5.7.1", "Reputation")


def test_a_click_says_who_and_where_and_an_address_of_sendgrid_s_own_is_nobody_s() -> None:
    by_kind = {r.kind: r for r in receipts(sample("every_kind"))}
    click, delivered = by_kind[EventKind.CLICKED], by_kind[EventKind.DELIVERED]

    assert (click.url, click.ip_address) == ("https://huronhome.example/visit?id=7", "203.0.113.7")
    assert click.user_agent.startswith("Mozilla/5.0")
    assert (delivered.url, delivered.ip_address) == ("", None)
    assert by_kind[EventKind.OPENED].payload["sg_machine_open"] is False


def test_the_message_id_is_the_one_that_the_call_was_answered_with() -> None:
    ids = [
        ("mUPd9c0tRvu6xxJ5oEdsXA.recvd-7b5f8c6d9d-4x2lp-1-6918B9F0-1A.0", "mUPd9c0tRvu6xxJ5oEdsXA"),
        ("14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", "14c5d75ce93.dfd.64b469"),
        ("mUPd9c0tRvu6xxJ5oEdsXA.some-other-server.0", "mUPd9c0tRvu6xxJ5oEdsXA"),
        ("mUPd9c0tRvu6xxJ5oEdsXA", "mUPd9c0tRvu6xxJ5oEdsXA"),
        (None, ""),
    ]
    assert [receipt(sg_message_id=given).provider_message_id for given, _ in ids] == [ours for _, ours in ids]


@pytest.mark.parametrize("given", [None, "", 17, "a" * 101, "a\x00", "\ud800", ["a"]])
def test_an_event_without_an_id_is_known_by_what_it_says(given: Any) -> None:
    first, again = receipt(sg_event_id=given), receipt(sg_event_id=given)
    other = receipt(sg_event_id=given, timestamp=1763233201)

    assert first.event_id == again.event_id != other.event_id
    assert first.event_id.startswith("sha256:")
    assert len(first.event_id) <= 128


@pytest.mark.parametrize(
    ("given", "time"),
    [
        (1763233200, datetime(2025, 11, 15, 19, 0, tzinfo=UTC)),
        (1763233200.5, datetime(2025, 11, 15, 19, 0, 0, 500_000, tzinfo=UTC)),
        (0, None),
        (True, None),
        (10**15, None),
        ("1763233200", None),
        (None, None),
        ([], None),
    ],
)
def test_a_time_that_cannot_be_is_none(given: Any, time: datetime | None) -> None:
    assert receipt(timestamp=given).occurred_at == time


@pytest.mark.parametrize("given", ["fe80::1%eth0", "999.1.1.1", 17, "", "\x00", None])
def test_an_address_that_cannot_be_is_none(given: Any) -> None:
    assert receipt(event="open", ip=given).ip_address is None


# --- hostile values

HOSTILE = [
    b'{"reason": NaN, "timestamp": Infinity, "ip": -Infinity}',
    b'{"timestamp": %b}' % (b"9" * 5_000),
    b'{"timestamp": 1e999, "attempt": -%b}' % (b"9" * 5_000),
    b'{"reason": "a\\u0000b\\ud800c", "response": "\\udfff", "type": "\\u0000", "url": "\\u0000"}',
    b'{"reason": {"a": [1]}, "useragent": [], "sg_message_id": {}, "sg_event_id": {}, "status": 5}',
    b'{"reason": "%b"}' % (b"a" * 100_000),
    b'{"m": "01939d10-0000-7000-8000-000000000001", "m": "01939d10-0000-7000-8000-000000000001"}',
]


@pytest.mark.django_db
@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_value_harms_its_neighbours_or_the_database(hostile: bytes) -> None:
    row, other = waiting(2, provider="sendgrid")
    element = b'{"m": "%b", "event": "click", %b' % (str(row.pk).encode(), hostile.lstrip(b"{"))
    if b'"m"' in hostile:
        element = element.replace(str(JOHN).encode(), str(row.pk).encode())
    neighbour = json.dumps({"m": str(other.pk), "event": "delivered", "sg_event_id": "n"}).encode()
    post = Post(url="https://rapport.test/", body=b"[%b, %b]" % (element, neighbour), headers={})

    apply_events(list(SendGrid().parse_events(post.stored("sendgrid", "events"))))

    assert (fresh(row).click_count, fresh(other).status) == (1, MessageStatus.DELIVERED)
    assert DeliveryEvent.objects.count() == 2


BAD_ELEMENTS: list[Any] = [
    None,
    17,
    "delivered",
    [],
    [[]],
    {},
    {"m": str(JOHN)},
    {"m": str(JOHN), "event": None},
    {"m": str(JOHN), "event": ["delivered"]},
    {"m": str(JOHN), "event": "fluttering"},
    {"m": None, "event": "delivered"},
    {"m": 17, "event": "delivered"},
    {"m": "order-17", "event": "delivered"},
    {"m": {"m": str(JOHN)}, "event": "delivered"},
    {"event": "delivered", "unique_args": {"m": str(JOHN)}},
]


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
def test_a_bad_element_is_left_out_and_the_others_count(bad: Any) -> None:
    good = {"event": "delivered", "sg_event_id": "a", "m": str(JANE)}

    assert [r.reference for r in receipts([good, bad, {**good, "sg_event_id": "b"}])] == [JANE, JANE]


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"{}", b'"delivered"', b"null", b"[{]", b"[1, 2", b"[" * 100_000, b"NaN"]
)
def test_a_body_that_is_no_array_cannot_be_read(body: bytes) -> None:
    post = Post(url="https://rapport.test/", body=body, headers={})

    with pytest.raises(UnreadableDelivery, match=r"\w+ \w+ \w+"):
        list(SendGrid().parse_events(post.stored("sendgrid", "events")))


TEXTS = st.text(st.sampled_from("ab\x00\ud800\udfff.:\n€"))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)
FIELDS = ("event", "type", "m", "sg_event_id", "sg_message_id", "timestamp", "ip", "reason", "status", "url", "attempt")


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES | st.just(str(JOHN)) | st.sampled_from(["bounce", "open"])))
def test_no_element_raises_whatever_it_holds(element: dict[str, Any]) -> None:
    stored = signed([]).stored("sendgrid", "events")

    read = events.read({"m": str(uuid7()), "event": "bounce", **element}, stored)

    assert read is None or (0 < len(read.event_id) <= 128 and json.dumps(dict(read.payload)))
