import pytest
from twilio.request_validator import RequestValidator

from communications.emulator.testing import ControlError
from communications.tests.emulator.support import ANNA, FROM, Answer


def test_a_reply_is_posted_as_twilio_posts_it(emulator, receiver):
    heard = emulator.inbound("Hello there", sender=ANNA)

    received = receiver.received[0]
    assert (heard["status"], heard["body"]) == (200, "<Response/>")
    assert received.path == "/inbound"
    assert received.form == {
        "AccountSid": emulator.account_sid,
        "ApiVersion": "2010-04-01",
        "Body": "Hello there",
        "From": ANNA,
        "FromCity": "",
        "FromCountry": "US",
        "FromState": "",
        "FromZip": "",
        "MessageSid": heard["sid"],
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": heard["sid"],
        "SmsSid": heard["sid"],
        "SmsStatus": "received",
        "To": FROM,
        "ToCity": "",
        "ToCountry": received.form["ToCountry"],
        "ToState": "",
        "ToZip": "",
    }
    signature = received.headers["X-Twilio-Signature"]
    assert RequestValidator(emulator.auth_token).validate(receiver.url("/inbound"), received.form, signature)


def test_whatsapp_carries_the_name_of_the_profile(emulator, receiver):
    emulator.inbound("Hi", sender=ANNA, channel="whatsapp", name="Anna")

    form = receiver.received[0].form
    assert (form["From"], form["To"]) == (f"whatsapp:{ANNA}", f"whatsapp:{FROM}")
    assert (form["ProfileName"], form["WaId"]) == ("Anna", ANNA[1:])


def test_pictures_come_numbered(emulator, receiver):
    emulator.inbound("", sender=ANNA, media=[{"url": "https://x.example/1.png", "content_type": "image/png"}])

    form = receiver.received[0].form
    assert (form["NumMedia"], form["MediaUrl0"], form["MediaContentType0"]) == (
        "1",
        "https://x.example/1.png",
        "image/png",
    )
    assert form["MessageSid"].startswith("MM")


def test_a_repeated_webhook_has_the_same_sid_and_shows_once(emulator, receiver):
    sid = emulator.inbound("Once", sender=ANNA)["sid"]

    emulator.inbound("Once", sender=ANNA, message_sid=sid)

    assert [item.form["MessageSid"] for item in receiver.received] == [sid, sid]
    assert len(emulator.messages(ANNA)) == 1


def test_a_bad_signature_can_be_sent(emulator, receiver):
    emulator.inbound("Let me in", sender=ANNA, bad_signature=True)

    received = receiver.received[0]
    signature = received.headers["X-Twilio-Signature"]
    assert not RequestValidator(emulator.auth_token).validate(receiver.url("/inbound"), received.form, signature)


def test_twiml_appears_on_the_phone(emulator, receiver):
    receiver.answer = Answer(body="<Response><Message>See you at ten</Message></Response>")

    heard = emulator.inbound("CONFIRM", sender=ANNA)

    assert [answer["body"] for answer in heard["answers"]] == ["See you at ten"]
    assert [(m["direction"], m["body"]) for m in emulator.messages(ANNA)] == [
        ("inbound", "CONFIRM"),
        ("outbound", "See you at ten"),
    ]
    assert emulator.ledger("twiml")[0]["to"] == ANNA


def test_unreadable_twiml_says_so(emulator, receiver):
    receiver.answer = Answer(body="<Response>")

    assert emulator.inbound("Hi", sender=ANNA)["error"].startswith("12100")


def test_the_ledger_knows_what_was_acknowledged(emulator, receiver):
    receiver.answer = Answer(status=503)

    sid = emulator.inbound("Lost?", sender=ANNA)["sid"]

    assert emulator.ledger("inbound")[0]["sid"] == sid
    assert [(entry["sid"], entry["answer"]) for entry in emulator.ledger("answered")] == [(sid, 503)]


def test_nobody_listening_is_reported(emulator):
    heard = emulator.inbound("Hello?", sender=ANNA, url="http://127.0.0.1:1/nobody")

    assert (heard["status"], heard["error"], heard["attempts"]) == (None, "ct", 2)


def test_the_list_of_messages_has_the_inbound_ones_too(emulator, twilio):
    sid = emulator.inbound("Any news?", sender=ANNA)["sid"]

    listed = twilio.list(To=FROM)["messages"]

    assert [(m["sid"], m["direction"], m["status"]) for m in listed] == [(sid, "inbound", "received")]


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "STOPALL", "QUIT", "END"])
def test_after_stop_nothing_more_is_accepted(emulator, twilio, word: str):
    twilio.send()

    emulator.inbound(word, sender=ANNA)

    assert twilio.send().json["code"] == 21610
    assert twilio.send(sender="+15005550010").status == 201


def test_start_lifts_the_stop(emulator, twilio):
    emulator.inbound("STOP", sender=ANNA)
    emulator.inbound("START", sender=ANNA)

    assert twilio.send().status == 201


@pytest.mark.parametrize("text", ["please stop", "CANCEL", "YES", "HELP"])
def test_other_words_are_the_applications_own(emulator, twilio, text: str):
    heard = emulator.inbound(text, sender=ANNA)

    assert heard["answers"] == []
    assert twilio.send().status == 201


def test_the_stop_words_can_be_changed(emulator, twilio):
    emulator.opt_outs(stop_words=["STOP", "Cancel"])

    emulator.inbound("CANCEL", sender=ANNA)

    assert twilio.send().json["code"] == 21610


def test_the_carrier_confirms_a_stop_on_the_phone(emulator):
    heard = emulator.inbound("STOP", sender=ANNA)

    assert [answer["origin"] for answer in heard["answers"]] == ["carrier"]
    assert emulator.opt_outs()["opted_out"] == [{"line": FROM, "phone": ANNA}]


def test_the_stop_list_can_be_switched_off(emulator, twilio):
    emulator.opt_outs(enabled=False)

    heard = emulator.inbound("STOP", sender=ANNA)

    assert heard["answers"] == []
    assert twilio.send().status == 201


def test_a_stop_counts_for_messaging_services_too(emulator, twilio):
    emulator.inbound("STOP", sender=ANNA)

    assert twilio.send(sender=None, MessagingServiceSid="MG" + "b" * 32).json["code"] == 21610


def test_whatsapp_has_no_stop_list(emulator, twilio):
    emulator.inbound("STOP", sender=ANNA, channel="whatsapp")

    assert twilio.send(to=f"whatsapp:{ANNA}", sender=f"whatsapp:{FROM}").status == 201


def test_advanced_opt_out_names_the_kind(emulator, receiver):
    emulator.opt_outs(advanced=True)
    emulator.inbound("stop", sender=ANNA)
    emulator.inbound("help", sender=ANNA)
    emulator.inbound("hello", sender=ANNA)
    emulator.inbound("goodbye", sender=ANNA, opt_out_type="STOP")

    assert [item.form.get("OptOutType") for item in receiver.received] == ["STOP", "HELP", None, "STOP"]


@pytest.mark.parametrize(
    "writing",
    [
        {"sender": "+1"},
        {"sender": ANNA, "channel": "pigeon"},
        {"sender": ANNA, "message_sid": "SM1"},
        {"sender": ANNA, "to": "RAPPORT"},
    ],
)
def test_nonsense_is_refused(emulator, writing: dict):
    with pytest.raises(ControlError, match="400"):
        emulator.inbound("Hi", **writing)
