import base64
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from communications.emulator.config import Settings
from communications.emulator.runtime import Runtime
from communications.emulator.testing import Emulator
from communications.emulator.twilio.compose import compose, reference
from communications.emulator.twilio.resource import created, resource
from communications.tests.emulator.support import ANNA, BEN, FROM, letter, until

SERVICE = "MG" + "a" * 32


@pytest.fixture
def wire(emulator: Emulator) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as connection:
        yield connection


def sms(emulator: Emulator, *extra: str, **form: str) -> bytes:
    body = urlencode({"To": ANNA, "From": FROM, "Body": "Hello", **form}).encode()
    pair = base64.b64encode(f"{emulator.account_sid}:{emulator.auth_token}".encode()).decode()
    path = f"/2010-04-01/Accounts/{emulator.account_sid}/Messages.json"
    return request(
        path, body, f"Authorization: Basic {pair}", "Content-Type: application/x-www-form-urlencoded", *extra
    )


def request(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def answers(connection: socket.socket, number: int = 1) -> list[tuple[bytes, bytes]]:
    """The heads and bodies of the next answers; all of them say how long they are."""
    found, data = [], b""
    while len(found) < number:
        head, separator, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) if separator else 0
        if separator and len(rest) >= length:
            found.append((head, rest[:length]))
            data = rest[length:]
            continue
        piece = connection.recv(65536)
        assert piece, "the connection was closed"
        data += piece
    assert data == b""
    return found


def was_quick(head: bytes) -> bool:
    """aiohttp names itself."""
    return b"Server:" not in head


def test_a_plain_send_is_answered_at_the_door(wire, emulator):
    wire.sendall(sms(emulator, Body="Grüß & Gott + 100 %", StatusCallback="http://127.0.0.1:1/s?m=a%20b"))

    [(head, body)] = answers(wire)

    assert head.startswith(b"HTTP/1.1 201 Created\r\n") and was_quick(head)
    assert json.loads(body)["body"] == "Grüß & Gott + 100 %"
    assert emulator.ledger("accepted")[0]["reference"] == "a b"
    assert emulator.ledger("accepted")[0]["request_id"].encode() in head
    assert emulator.messages(ANNA)[0]["sid"] == json.loads(body)["sid"]


def test_what_comes_in_pieces_and_what_comes_at_once_is_answered_in_order(wire, emulator):
    first, second, third = (sms(emulator, Body=text) for text in ("one", "two", "three"))
    wire.sendall(first[:9])
    time.sleep(0.05)
    wire.sendall(first[9:-3])
    time.sleep(0.05)
    wire.sendall(first[-3:] + second + third)

    assert [json.loads(body)["body"] for _, body in answers(wire, 3)] == ["one", "two", "three"]


def test_a_mail_is_taken_at_the_door_too(wire, emulator):
    body = json.dumps(letter("anna@example.com")).encode()
    wire.sendall(request("/v3/mail/send", body, f"Authorization: Bearer {emulator.api_key}"))

    [(head, _)] = answers(wire)

    assert head.startswith(b"HTTP/1.1 202 Accepted\r\n") and was_quick(head)
    assert emulator.mails()[0]["message_id"].encode() in head


@pytest.mark.parametrize("extra", ["Connection: keep-alive", "X-More: Content-Length: 5"])
def test_headers_that_change_nothing_keep_the_door_open(wire, emulator, extra: str):
    wire.sendall(sms(emulator, extra))

    assert was_quick(answers(wire)[0][0])


@pytest.mark.parametrize(
    ("extra", "status"), [("Connection: close", b"201"), ("Content-Length: 5", b"400"), ("Expect: nonsense", b"417")]
)
def test_odd_headers_go_to_the_framework(wire, emulator, extra: str, status: bytes):
    wire.sendall(sms(emulator, extra))

    head = answers(wire)[0][0]
    assert head.split()[1] == status
    assert not was_quick(head)


def test_a_refusal_is_the_frameworks_and_the_connection_goes_on(wire, emulator):
    for message, status in ((sms(emulator, To="+1"), b"400"), (sms(emulator), b"201"), (sms(emulator, To=BEN), b"201")):
        wire.sendall(message)
        head = answers(wire)[0][0]
        assert (head.split()[1], was_quick(head)) == (status, False)

    assert [entry["to"] for entry in emulator.ledger("accepted")] == [ANNA, BEN]


def test_a_body_in_chunks_is_understood(wire, emulator):
    head, _, body = sms(emulator).partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
    wire.sendall(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    assert answers(wire)[0][0].startswith(b"HTTP/1.1 201")


def test_a_separator_within_a_text_is_kept(wire, emulator):
    wire.sendall(sms(emulator, Body="a\x1eb=c"))

    assert json.loads(answers(wire)[0][1])["body"] == "a\x1eb=c"


def test_rules_are_obeyed_on_a_connection_that_was_plain_before(wire, emulator):
    wire.sendall(sms(emulator))
    answers(wire)
    emulator.faults("503", times=1)

    wire.sendall(sms(emulator))

    assert answers(wire)[0][0].startswith(b"HTTP/1.1 503")


def test_latency_is_kept_at_the_door_too(wire, emulator):
    emulator.latency(300)
    began = time.monotonic()

    wire.sendall(sms(emulator))

    assert was_quick(answers(wire)[0][0])
    assert time.monotonic() - began >= 0.3


def test_a_call_that_waited_across_a_reset_is_not_accepted(wire, emulator):
    emulator.latency(400)
    wire.sendall(sms(emulator))
    time.sleep(0.1)
    emulator.reset()

    with pytest.raises((AssertionError, ConnectionResetError)):
        answers(wire)
    assert emulator.count()["total"] == 0


def test_a_caller_who_leaves_before_the_answer_was_accepted_all_the_same(emulator):
    with socket.create_connection(("127.0.0.1", emulator.port)) as connection:
        connection.sendall(sms(emulator))

    until(lambda: emulator.count()["total"] == 1)
    assert emulator.control("GET", "/health")["messages"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"To": ANNA, "From": FROM, "Body": 'Grüße "quoted" \\ \n \x1e 😀'},
        {"To": ANNA, "MessagingServiceSid": SERVICE, "Body": "x" * 400, "MediaUrl": "http://a.example/x.png"},
    ],
)
def test_the_prepared_answer_is_the_resource(form: dict, tmp_path):
    runtime = Runtime.make(Settings(), tmp_path)
    message = compose({name: [value] for name, value in form.items()}, runtime=runtime, at=1_700_000_000.5)

    assert json.loads(created(message, "AC1")) == resource(message, "AC1", 1_700_000_000.5)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://x.example/s?m=1", "1"),
        ("http://x.example/s?a=1&m=a%20b&c=2#rc=2", "a b"),
        ("http://x.example/s?team=1", None),
        ("http://x.example/s#m=1", None),
        (None, None),
    ],
)
def test_our_reference_is_the_m_of_the_callback(url: str | None, expected: str | None):
    assert reference(url) == expected
