import base64
from collections import Counter
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from communications.emulator.config import SENDGRID_PUBLIC_KEY
from communications.emulator.sendgrid.signing import SIGNATURE, TIMESTAMP
from communications.emulator.testing import ControlError, running_emulator
from communications.tests.emulator.support import MAIL_ANNA, MAIL_BEN, Answer, Received, SendGrid, person, until


def is_signed(received: Received) -> bool:
    key = serialization.load_der_public_key(base64.b64decode(SENDGRID_PUBLIC_KEY))
    headers = {name.lower(): value for name, value in received.headers.items()}
    signed = (headers[TIMESTAMP.lower()] + received.body).encode()
    try:
        key.verify(base64.b64decode(headers[SIGNATURE.lower()]), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def names(events: list[dict]) -> list[str]:
    return [event["event"] for event in events]


def test_a_mail_is_processed_and_then_delivered(sendgrid, receiver):
    message_id = sendgrid.send(person(MAIL_ANNA, "m-1", custom_args={"m": "m-1", "campaign": "spring"})).headers[
        "X-Message-Id"
    ]

    processed, delivered = receiver.wait_events(2)

    assert (processed["event"], delivered["event"]) == ("processed", "delivered")
    assert {
        name: delivered[name] for name in ("email", "m", "campaign", "response", "sg_message_id", "timestamp", "tls")
    } == {
        "email": MAIL_ANNA,
        "m": "m-1",
        "campaign": "spring",
        "response": "250 2.0.0 OK",
        "sg_message_id": delivered["sg_message_id"],
        "timestamp": delivered["timestamp"],
        "tls": 1,
    }
    assert delivered["sg_message_id"].startswith(f"{message_id}.")
    assert type(delivered["timestamp"]) is int
    assert processed["sg_event_id"] != delivered["sg_event_id"]


def test_the_webhook_is_an_array_signed_with_its_line_feeds(sendgrid, receiver):
    sendgrid.send(MAIL_ANNA, MAIL_BEN)
    receiver.wait_events(4)

    received = receiver.received[0]

    assert received.body.endswith("]\r\n")
    assert received.headers["Content-Type"] == "application/json"
    assert all(is_signed(each) for each in receiver.received)


def test_events_come_many_at_a_time(sendgrid, emulator, receiver):
    emulator.callbacks(hold=True, batch_size=400)
    sendgrid.send(*(person(f"p{n}@example.com", f"m{n}") for n in range(1000)))

    assert emulator.flush() == {"delivered": 2000, "failed": 0, "pending": 0}
    assert [len(item.events) for item in receiver.received] == [400] * 5
    assert Counter((event["m"], event["event"]) for event in receiver.events()).most_common(1)[0][1] == 1


def test_a_batch_leaves_when_its_oldest_event_has_waited_long_enough(sendgrid, emulator, receiver):
    emulator.callbacks(delays_ms={"processed": 0, "delivered": 150}, batch_ms=100)
    sendgrid.send()

    receiver.wait_events(2)

    assert [names(item.events) for item in receiver.received] == [["processed"], ["delivered"]]


@pytest.mark.parametrize(
    ("local", "expected", "details"),
    [
        ("bounce", ["processed", "bounce"], {"type": "bounce", "status": "5.1.1"}),
        ("anna+blocked", ["processed", "bounce"], {"type": "blocked"}),
        ("deferred", ["processed", "deferred", "delivered"], {}),
        ("dropped", ["dropped"], {"status": "5.0.0"}),
        ("silent", ["processed"], {}),
        ("open", ["processed", "delivered", "open"], {"sg_machine_open": False}),
        ("click", ["processed", "delivered", "open", "click"], {"url_offset": {"index": 0, "type": "html"}}),
        ("spam", ["processed", "delivered", "open", "spamreport"], {}),
        ("unsubscribe", ["processed", "delivered", "open", "unsubscribe"], {}),
    ],
)
def test_some_addresses_behave_by_themselves(sendgrid, receiver, emulator, local: str, expected: list, details: dict):
    sendgrid.send(f"{local}@example.com")

    events = receiver.wait_events(len(expected))

    assert names(events) == expected
    assert events[-1].items() >= details.items()
    assert emulator.flush()["pending"] == 0
    assert len(receiver.events()) == len(expected)


def test_who_bounced_is_dropped_from_then_on(sendgrid, emulator, receiver):
    sendgrid.send("bounce@example.com")
    sendgrid.send("Bounce@example.com")
    emulator.flush()

    dropped = [event for event in receiver.events() if event["event"] == "dropped"]
    assert [event["reason"] for event in dropped] == ["Bounced Address"]
    assert emulator.control("GET", "/suppressions")["suppressed"] == {"bounce@example.com": "Bounced Address"}
    emulator.control("DELETE", "/suppressions")
    assert emulator.control("GET", "/suppressions")["suppressed"] == {}


def test_a_plan_opens_and_clicks_by_itself(sendgrid, emulator, receiver):
    emulator.seed(1)
    emulator.plan(bounced=10, opened=40, clicked=20)
    sendgrid.send(*(f"p{n}@example.com" for n in range(200)))
    emulator.flush()

    counted = Counter(names(receiver.events()))
    assert (counted["processed"], counted["delivered"] + counted["bounce"]) == (200, 200)
    assert 5 < counted["bounce"] < 40
    assert 50 < counted["open"] < 110
    assert 20 < counted["click"] < counted["open"]
    with pytest.raises(ControlError, match="400"):
        emulator.plan(bounced=70, opened=40)


def test_events_come_doubled_with_the_same_ids(sendgrid, emulator, receiver):
    emulator.callbacks(copies=2)
    sendgrid.send()

    events = receiver.wait_events(4)

    assert set(Counter(event["sg_event_id"] for event in events).values()) == {2}


def test_events_come_in_another_order(sendgrid, emulator, receiver):
    emulator.seed(3)
    emulator.callbacks(shuffle_ms=400)
    sendgrid.send(*(person(f"p{n}@example.com", str(n)) for n in range(20)))

    events = receiver.wait_events(40)

    orders = {m: names([event for event in events if event["m"] == m]) for m in map(str, range(20))}
    assert ["delivered", "processed"] in orders.values()
    assert all(sorted(order) == ["delivered", "processed"] for order in orders.values())


def test_events_come_before_the_answer(emulator, receiver):
    emulator.callbacks(before_answer=True)
    receiver.answer = Answer(pause=0.5)

    with pytest.raises(TimeoutError):
        SendGrid(emulator, timeout=0.2).send()

    assert names(receiver.events()) == ["processed"]
    assert emulator.count()["total"] == 1


def test_forged_events_do_not_verify_and_do_not_come_again(sendgrid, emulator, receiver):
    emulator.callbacks(forged=True)
    receiver.answer = Answer(status=403)
    sendgrid.send()
    emulator.flush()

    assert not any(is_signed(received) for received in receiver.received)
    assert emulator.control("GET", "/callbacks")["retrying"] == 0


def test_held_events_wait_and_switched_off_events_never_come(sendgrid, emulator, receiver):
    emulator.callbacks(hold=True)
    sid = sendgrid.send().headers["X-Message-Id"] + ".0"
    until(lambda: emulator.mail(sid)["status"] == "delivered")

    assert (receiver.received, emulator.control("GET", "/callbacks")["pending"]) == ([], 2)
    assert emulator.flush() == {"delivered": 2, "failed": 0, "pending": 0}
    emulator.callbacks(enabled=False)
    sendgrid.send(MAIL_BEN)
    assert emulator.flush() == {"delivered": 0, "failed": 0, "pending": 0}


def test_a_flush_brings_late_events_and_the_state_forward(sendgrid, emulator, receiver):
    emulator.callbacks(delays_ms={"processed": 60_000, "delivered": 172_800_000})
    sid = sendgrid.send().headers["X-Message-Id"] + ".0"

    emulator.flush()

    assert names(receiver.events()) == ["processed", "delivered"]
    assert emulator.mail(sid)["status"] == "delivered"


def test_a_batch_that_was_not_taken_comes_again_with_the_same_ids(sendgrid, emulator, receiver):
    receiver.answers = [Answer(status=503)]
    emulator.callbacks(delays_ms={"delivered": None})
    sendgrid.send()

    first, second = receiver.wait_events(2)

    assert first == second
    until(lambda: len(emulator.ledger("callback")) == 2)
    assert [(entry["answer"], entry["attempts"]) for entry in emulator.ledger("callback")] == [(503, 1), (200, 2)]


def test_a_flush_tries_once_and_says_what_failed(sendgrid, emulator, receiver):
    receiver.answer = Answer(status=500)
    sendgrid.send()

    assert emulator.flush() == {"delivered": 0, "failed": 2, "pending": 0}
    assert emulator.control("GET", "/callbacks")["retrying"] == 2
    receiver.answer = Answer()
    assert emulator.flush() == {"delivered": 2, "failed": 0, "pending": 0}
    assert emulator.control("GET", "/callbacks")["retrying"] == 0


def test_events_can_be_sent_to_another_address(sendgrid, emulator, receiver):
    emulator.callbacks(events_url=receiver.url("/elsewhere"))
    sendgrid.send()
    emulator.flush()

    assert [names(item.events) for item in receiver.received if item.path.endswith("/elsewhere")] == [
        ["processed", "delivered"]
    ]
    assert receiver.events() == []


def test_a_crash_loses_no_mail_and_no_event(tmp_path: Path, receiver):
    with running_emulator(tmp_path, EMULATOR_SENDGRID_EVENTS_URL=receiver.url("/crash")) as emulator:
        sendgrid = SendGrid(emulator)
        sendgrid.send("bounce@example.com", MAIL_BEN)
        emulator.flush()
        emulator.callbacks(hold=True)
        message_id = sendgrid.send(person(MAIL_ANNA, "m-1", substitutions={"-name-": "Anna"})).headers["X-Message-Id"]
        emulator.mail_event(f"{message_id}.0", "spamreport")
        emulator.kill()
        receiver.received.clear()
        emulator.start()

        assert [mail["address"] for mail in emulator.mails()] == [MAIL_ANNA, MAIL_BEN, "bounce@example.com"]
        assert emulator.mail(f"{message_id}.0")["subject"] == "Hello Anna"
        assert set(emulator.control("GET", "/suppressions")["suppressed"]) == {"bounce@example.com", MAIL_ANNA}
        assert emulator.flush()["pending"] == 0
        events = [event for item in receiver.received for event in item.events]
        assert sorted(names(events)) == ["delivered", "processed", "spamreport"]
        assert {event["m"] for event in events} == {"m-1"}
