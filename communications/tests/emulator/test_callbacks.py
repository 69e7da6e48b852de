import pytest
from twilio.request_validator import RequestValidator

from communications.emulator.testing import ControlError
from communications.tests.emulator.support import ANNA, FROM, Answer, Received, Twilio, until


def is_signed(received: Received, url: str, token: str) -> bool:
    return RequestValidator(token).validate(url, received.form, received.headers["X-Twilio-Signature"])


def test_a_message_calls_back_sent_and_then_delivered(twilio, emulator, receiver):
    url = receiver.url("/status", "?m=42&x=a%20b")
    sid = twilio.send(StatusCallback=url).json["sid"]

    sent, delivered = receiver.wait(2)

    assert sent.path.endswith("/status?m=42&x=a%20b")
    assert sent.form == {
        "AccountSid": emulator.account_sid,
        "ApiVersion": "2010-04-01",
        "From": FROM,
        "MessageSid": sid,
        "MessageStatus": "sent",
        "SmsSid": sid,
        "SmsStatus": "sent",
        "To": ANNA,
    }
    assert delivered.form["MessageStatus"] == "delivered"
    assert len(delivered.form["RawDlrDoneDate"]) == 10
    assert sent.headers["User-Agent"] == "TwilioProxy/1.1"
    assert sent.headers["I-Twilio-Idempotency-Token"] != delivered.headers["I-Twilio-Idempotency-Token"]
    assert is_signed(sent, url, emulator.auth_token)
    assert is_signed(delivered, url, emulator.auth_token)


@pytest.mark.parametrize(
    ("to", "statuses", "code"),
    [("+14155550198", ["sent", "undelivered"], "30005"), ("+14155550199", ["failed"], "30003")],
)
def test_a_failure_calls_back_with_the_carriers_code(twilio, receiver, to: str, statuses: list, code: str):
    twilio.send(to=to, StatusCallback=receiver.url())

    receiver.wait(len(statuses))

    assert receiver.statuses() == statuses
    assert receiver.received[-1].form["ErrorCode"] == code


def test_whatsapp_can_also_be_read(twilio, emulator, receiver):
    emulator.callbacks(delays_ms={"read": 30})
    twilio.send(to=f"whatsapp:{ANNA}", sender=f"whatsapp:{FROM}", StatusCallback=receiver.url())

    receiver.wait(3)

    assert receiver.statuses() == ["sent", "delivered", "read"]


def test_callbacks_come_doubled(twilio, emulator, receiver):
    emulator.callbacks(copies=3)
    twilio.send(StatusCallback=receiver.url())

    receiver.wait(6)

    assert receiver.statuses() == ["sent"] * 3 + ["delivered"] * 3
    assert len({item.headers["I-Twilio-Idempotency-Token"] for item in receiver.received}) == 2


def test_callbacks_come_in_another_order(twilio, emulator, receiver):
    emulator.seed(3)
    emulator.callbacks(shuffle_ms=300, hold=True)
    sids = [twilio.send(StatusCallback=receiver.url()).json["sid"] for _ in range(10)]
    emulator.callbacks(hold=False)

    receiver.wait(20)

    orders = {sid: [r.form["MessageStatus"] for r in receiver.received if r.form["MessageSid"] == sid] for sid in sids}
    assert ["delivered", "sent"] in orders.values()
    assert all(sorted(order) == ["delivered", "sent"] for order in orders.values())


def test_callbacks_are_held_until_they_are_released(twilio, emulator, receiver):
    emulator.callbacks(hold=True)
    sid = twilio.send(StatusCallback=receiver.url()).json["sid"]
    until(lambda: twilio.call("GET", f"/{sid}.json").json["status"] == "delivered")

    assert (receiver.received, emulator.control("GET", "/callbacks")["pending"]) == ([], 2)
    assert emulator.flush() == {"delivered": 2, "failed": 0, "pending": 0}
    assert receiver.statuses() == ["sent", "delivered"]


def test_a_flush_brings_late_callbacks_and_the_state_forward(twilio, emulator, receiver):
    emulator.callbacks(delays_ms={"sent": 60_000, "delivered": 172_800_000})
    sid = twilio.send(StatusCallback=receiver.url()).json["sid"]

    emulator.flush()

    assert receiver.statuses() == ["sent", "delivered"]
    assert twilio.call("GET", f"/{sid}.json").json["status"] == "delivered"


def test_a_callback_comes_before_the_answer(emulator, receiver):
    emulator.callbacks(before_answer=True)
    receiver.answer = Answer(pause=0.5)

    with pytest.raises(TimeoutError):
        Twilio(emulator, timeout=0.2).send(StatusCallback=receiver.url())

    assert receiver.statuses() == ["sent"]
    assert emulator.count()["total"] == 1


def test_an_answer_says_queued_although_its_callback_was_faster(twilio, emulator, receiver):
    emulator.callbacks(before_answer=True)

    assert twilio.send(StatusCallback=receiver.url()).json["status"] == "queued"


def test_forged_callbacks_do_not_verify(twilio, emulator, receiver):
    emulator.callbacks(forged=True)
    twilio.send(StatusCallback=receiver.url())

    received = receiver.wait(1)[0]

    assert not is_signed(received, receiver.url(), emulator.auth_token)


def test_callbacks_can_be_switched_off(twilio, emulator, receiver):
    emulator.callbacks(enabled=False)
    twilio.send(StatusCallback=receiver.url("/status", "?m=1"))

    assert emulator.flush() == {"delivered": 0, "failed": 0, "pending": 0}
    assert emulator.ledger("accepted")[0]["reference"] == "1"


def test_an_error_of_ours_is_not_tried_again_by_default(twilio, emulator, receiver):
    receiver.answer = Answer(status=503)
    twilio.send(StatusCallback=receiver.url())

    assert emulator.flush() == {"delivered": 0, "failed": 2, "pending": 0}
    assert [(entry["answer"], entry["attempts"]) for entry in emulator.ledger("callback")] == [(503, 1), (503, 1)]


def test_the_fragment_of_the_url_asks_for_more_tries_and_is_not_signed(twilio, emulator, receiver):
    receiver.answers = [Answer(status=503), Answer(status=500)]
    emulator.callbacks(delays_ms={"delivered": None})
    twilio.send(StatusCallback=receiver.url() + "#rc=5&rp=all")

    assert emulator.flush()["delivered"] == 1
    assert len(receiver.received) == 3
    assert len({item.headers["I-Twilio-Idempotency-Token"] for item in receiver.received}) == 1
    assert is_signed(receiver.received[0], receiver.url(), emulator.auth_token)
    assert emulator.ledger("callback")[0]["attempts"] == 3


def test_a_refused_connection_is_tried_once_more(twilio, emulator):
    emulator.callbacks(delays_ms={"delivered": None})
    twilio.send(StatusCallback="http://127.0.0.1:1/nobody")

    assert emulator.flush()["failed"] == 1
    entry = emulator.ledger("callback")[0]
    assert (entry["answer"], entry["error"], entry["attempts"]) == (None, "ct", 2)


def test_a_slow_receiver_does_not_slow_acceptance(twilio, emulator, receiver):
    emulator.callbacks(delays_ms={"sent": 0, "delivered": None})
    receiver.answer = Answer(pause=1.0)

    answers = [twilio.send(StatusCallback=receiver.url()).status for _ in range(100)]

    assert answers == [201] * 100
    assert emulator.control("GET", "/callbacks")["pending"] > 0


@pytest.mark.parametrize("settings", [{"copies": 9}, {"delays_ms": {"soon": 1}}, {"loud": True}])
def test_settings_that_make_no_sense_are_refused(emulator, settings: dict):
    with pytest.raises(ControlError, match="400"):
        emulator.callbacks(**settings)
