import pytest
from twilio.request_validator import RequestValidator

from communications.emulator.twilio import numbers, segments
from communications.emulator.twilio.signing import signature
from communications.emulator.twilio.status import overrides
from communications.emulator.twilio.twiml import TwimlError, texts
from communications.emulator.webhooks import Reply

FAMILY = "\U0001f468‍\U0001f469‍\U0001f467‍\U0001f466"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("“" * 70, 1),
        ("“" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        (FAMILY * 7, 2),
        ("a" * 152 + "€" + "b" * 20, 2),
        ("a" * 152 + "€" + "b" * 151, 2),
        ("a" * 152 + "€" + "b" * 152, 3),
    ],
)
def test_segments_are_counted_as_the_carrier_counts(text: str, expected: int):
    assert segments.count(text) == expected


@pytest.mark.parametrize(
    "url", ["https://a.example/hook?m=1&x=%C3%A9", "http://127.0.0.1:8000/api/webhooks/twilio/sms"]
)
def test_a_signature_is_what_twilios_own_library_expects(url: str):
    form = {"Body": "Grüße & mehr", "From": "+14155550123", "AccountSid": "AC1", "NumMedia": "0", "Empty": ""}

    assert RequestValidator("secret").validate(url, form, signature("secret", url, form))
    assert not RequestValidator("other").validate(url, form, signature("secret", url, form))


def test_connection_overrides_are_read_and_kept_within_bounds():
    asked = overrides("rc=9&rp=all&ct=50&rt=2000&tt=nonsense")

    assert (asked.retries, asked.connect, asked.read, asked.total) == (5, 0.1, 2.0, 15.0)
    assert asked.on == {"ct", "rt", "4xx", "5xx"}
    assert overrides("").retries == 1
    assert overrides("").on == {"ct"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [("+14155550123", "+14155550123"), ("+41 79 123 45 67", "+41791234567"), ("12", None), ("+999123", None)],
)
def test_a_number_is_normalised_or_none(given: str, expected: str | None):
    assert numbers.normal(given) == expected


def test_twiml_says_the_text_of_each_message():
    body = "<Response><Message>One &amp; two</Message><Message><Body>Three</Body></Message><Redirect/></Response>"

    assert texts(Reply(status=200, body=body, content_type="text/xml")) == ["One & two", "Three"]
    assert texts(Reply(status=200, body="Plain", content_type="text/plain")) == ["Plain"]
    assert texts(Reply(status=200, body="{}", content_type="application/json")) == []
    assert texts(Reply(status=500, body=body, content_type="text/xml")) == []
    with pytest.raises(TwimlError):
        texts(Reply(status=200, body="<Response>", content_type="application/xml"))
