import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import assume, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from uuid_utils.compat import uuid7

from communications.choices import EventKind
from communications.emulator.testing import Emulator
from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.providers import twilio
from communications.providers.base import Outcome, Provider
from communications.providers.http import call_until, form
from communications.tests.engine_fixtures import provider
from communications.tests.providers.contracts import LookupContract, Post
from communications.tests.providers.proxy import Odd, odd_proxy
from customers.choices import Channel

__all__ = ["provider"]

TOKEN = "emulator-auth-token-0000000000001"
STATUS_URL = "https://rapport.test/api/webhooks/twilio/status"
SMS_URL = "https://rapport.test/api/webhooks/twilio/sms"
WORDS = {
    EventKind.QUEUED: "queued",
    EventKind.SENT: "sent",
    EventKind.DELIVERED: "delivered",
    EventKind.READ: "read",
    EventKind.UNDELIVERED: "undelivered",
    EventKind.FAILED: "failed",
}
INBOUND = {
    "MessageSid": "SM" + "1" * 32,
    "From": "+14165551234",
    "To": "+15195550100",
    "Body": "CONFIRM",
    "NumMedia": "0",
    "NumSegments": "1",
}


def signed(url: str, form: dict[str, str], *, token: str = TOKEN) -> Post:
    signature = RequestValidator(token).compute_signature(url, form)
    return Post(url=url, body=urlencode(form).encode(), headers={"X-Twilio-Signature": signature})


def status_form(status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": "SM" + "0" * 32, "MessageStatus": status, "To": "+14165590001", **more}


class TestTwilio(LookupContract):
    provider_name: ClassVar = "twilio"

    def event(self, reference: UUID, kind: EventKind) -> Post:
        return signed(f"{STATUS_URL}?m={reference}", status_form(WORDS[kind]))

    def reordered(self, post: Post) -> Post:
        return replace(post, body=urlencode(list(reversed(parse_qsl(post.body.decode())))).encode())

    def unsigned(self, post: Post) -> Post:
        return replace(post, headers={})

    def wrongly_signed(self, post: Post) -> Post:
        return signed(post.url, dict(parse_qsl(post.body.decode())), token="another account's token")

    def unreachable(self, settings: Any) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            settings.TWILIO_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def it() -> twilio.Twilio:
    return twilio.Twilio()


def events(status: str, **more: str) -> Any:
    post = signed(f"{STATUS_URL}?m={uuid7()}", status_form(status, **more))
    return next(twilio.Twilio().parse_events(post.stored("twilio")))


def inbound(**changes: str) -> Any:
    form = {name: value for name, value in {**INBOUND, **changes}.items() if value}
    return next(twilio.Twilio().parse_inbound(signed(SMS_URL, form).stored("twilio", "sms")))


# --- verifying


def test_the_token_before_the_present_one_still_counts_while_it_is_being_changed(it: Provider, settings: Any) -> None:
    post = signed(SMS_URL, INBOUND, token="the old token")
    settings.TWILIO_AUTH_TOKEN_PREVIOUS = "the old token"
    it.verify(post.request(), SMS_URL)

    settings.TWILIO_AUTH_TOKEN_PREVIOUS = ""
    with pytest.raises(WebhookRejected):
        it.verify(post.request(), SMS_URL)


def test_without_any_token_nothing_is_valid(it: Provider, settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = settings.TWILIO_AUTH_TOKEN_PREVIOUS = ""
    with pytest.raises(WebhookRejected):
        it.verify(signed(SMS_URL, INBOUND, token="").request(), SMS_URL)


def test_empty_values_belong_to_what_is_signed(it: Provider) -> None:
    post = signed(SMS_URL, {**INBOUND, "FromCity": "", "Body": ""})
    it.verify(post.request(), SMS_URL)


# --- reading events


@pytest.mark.parametrize(("kind", "word"), WORDS.items())
def test_its_words_become_ours(kind: EventKind, word: str) -> None:
    assert events(word).kind == kind


@pytest.mark.parametrize(("word", "kind"), [("accepted", EventKind.QUEUED), ("canceled", EventKind.FAILED)])
def test_words_that_only_lists_use_are_known_too(word: str, kind: EventKind) -> None:
    assert events(word).kind == kind


def test_a_failure_carries_its_code() -> None:
    receipt = events("undelivered", ErrorCode="30005", ErrorMessage="Unknown destination handset")

    assert (receipt.error_code, receipt.reason) == ("30005", "Unknown destination handset")


def test_the_carrier_s_time_is_read_as_utc() -> None:
    assert events("delivered", RawDlrDoneDate="2511151902").occurred_at == datetime(2025, 11, 15, 19, 2, tzinfo=UTC)
    assert events("delivered", RawDlrDoneDate="yesterday").occurred_at is None


OURS = f"{STATUS_URL}?m=01890000-0000-7000-8000-000000000000"
UNREADABLE = [
    (OURS, b"MessageSid=SM1&MessageStatus=fluttering"),
    (OURS, b"MessageSid=SM1"),
    (OURS, b"MessageStatus=sent"),
    (OURS, b"\xff\xfe"),
    (OURS, b"MessageSid=SM1&MessageStatus=sent" + b"&a=b" * 499),
    (f"{STATUS_URL}?m=17", b"MessageSid=SM1&MessageStatus=sent"),
    (STATUS_URL, b"MessageSid=SM1&MessageStatus=sent"),
]


@pytest.mark.parametrize(("url", "body"), UNREADABLE)
def test_what_cannot_be_read_is_told_in_a_sentence(url: str, body: bytes) -> None:
    stored = Post(url=url, body=body, headers={}).stored("twilio")

    with pytest.raises(UnreadableDelivery, match=r"\w+ \w+ \w+"):
        list(twilio.Twilio().parse_events(stored))


# --- reading what people write


def test_an_sms_becomes_our_words() -> None:
    message = inbound(FromCity="Toronto")

    assert (message.channel, message.line, message.content) == (Channel.SMS, "twilio", "CONFIRM")
    assert (message.sender, message.recipient) == ("+14165551234", "+15195550100")
    assert message.channel_message_id == INBOUND["MessageSid"]
    assert message.metadata == {"FromCity": "Toronto"}


def test_a_whatsapp_message_loses_its_prefix_and_keeps_its_name_and_thread() -> None:
    message = inbound(
        From="whatsapp:+14165551234",
        To="whatsapp:+15195550100",
        ProfileName="John",
        WaId="14165551234",
        OriginalRepliedMessageSid="SM" + "2" * 32,
    )

    assert (message.channel, message.line, message.sender) == (Channel.WHATSAPP, "whatsapp", "+14165551234")
    assert (message.sender_name, list(message.thread_message_ids)) == ("John", ["SM" + "2" * 32])


def test_pictures_without_a_word_are_a_message() -> None:
    message = inbound(Body="", NumMedia="2", MediaUrl0="https://x.test/0", MediaUrl1="https://x.test/1")

    assert (message.content, list(message.media_urls)) == ("", ["https://x.test/0", "https://x.test/1"])


@pytest.mark.parametrize("number", ["1000000000", "-1", "two", "²"])
def test_a_senseless_number_of_pictures_is_none(number: str) -> None:
    assert inbound(NumMedia=number, NumSegments=number).media_urls == []


@pytest.mark.parametrize("name", ["MessageSid", "From", "To"])
def test_a_message_without_its_address_or_id_cannot_be_read(name: str) -> None:
    with pytest.raises(UnreadableDelivery, match=name):
        inbound(**{name: ""})


def test_characters_that_no_database_holds_are_left_out() -> None:
    assert inbound(Body="a\x00b").content == "ab"


# --- sending and looking up


def contract() -> TestTwilio:
    return TestTwilio()


def test_a_message_leaves_with_our_id_in_its_callback_and_its_validity(it: Provider, provider: Emulator) -> None:
    message = contract().outbound(expires_at=timezone.now() + timedelta(days=3))

    [result] = contract().send(it, message)

    [entry] = provider.ledger("accepted")
    assert (entry["reference"], entry["to"], entry["body"]) == (str(message.reference), message.recipient, message.text)
    assert (result.provider_message_id, result.segments) == (entry["sid"], 1)
    assert twilio._fields(message)["ValidityPeriod"] == "36000"
    assert twilio._fields(contract().outbound(expires_at=timezone.now()))["ValidityPeriod"] == "1"


def test_whatsapp_numbers_are_prefixed(it: Provider, provider: Emulator) -> None:
    contract().send(it, contract().outbound(channel="whatsapp"))

    [entry] = provider.ledger("accepted")
    assert (entry["to"], entry["from"]) == ("whatsapp:+14165590001", "whatsapp:+15195550100")


def test_a_refusal_that_means_an_opt_out_says_so(it: Provider, provider: Emulator) -> None:
    [result] = contract().send(it, contract().outbound(recipient="+15005550004"))

    assert (result.outcome, result.error_code, result.opted_out) == (Outcome.REJECTED, "21610", True)


def test_a_number_that_cannot_be_is_refused_for_good(it: Provider, provider: Emulator) -> None:
    [result] = contract().send(it, contract().outbound(recipient="+15005550001"))

    assert (result.outcome, result.error_code, result.opted_out) == (Outcome.REJECTED, "21211", False)


def test_no_call_begins_when_the_lease_would_not_outlive_it(it: Provider, provider: Emulator) -> None:
    token = call_until.set(0.0)
    try:
        [result] = contract().send(it, contract().outbound())
    finally:
        call_until.reset(token)

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "not_sent")
    assert provider.count()["total"] == 0


def test_a_list_of_several_pages_is_read_to_its_end(it: Provider, provider: Emulator, monkeypatch: Any) -> None:
    wanted = contract().outbound(text="The first of seven.")
    contract().send(it, wanted)
    contract().send(it, *(contract().outbound(text=f"Number {n}") for n in range(6)))
    monkeypatch.setattr(twilio, "_PAGE_SIZE", 2)

    [receipt] = contract().lookup(it, wanted)

    assert receipt.provider_message_id == provider.ledger("accepted")[0]["sid"]


def test_half_a_list_proves_nothing(it: Provider, provider: Emulator, monkeypatch: Any) -> None:
    contract().send(it, *(contract().outbound(text=f"Number {n}") for n in range(5)))
    monkeypatch.setattr(twilio, "_PAGE_SIZE", 2)
    provider.faults("ok", method="GET", times=2)
    provider.faults("503", method="GET")

    assert contract().lookup(it, contract().outbound(text="Not sent.")) == []


def test_of_equal_texts_every_one_is_a_candidate(it: Provider, provider: Emulator) -> None:
    twins = [contract().outbound(), contract().outbound()]
    contract().send(it, *twins)

    receipts = contract().lookup(it, twins[0])

    assert {r.provider_message_id for r in receipts} == {e["sid"] for e in provider.ledger("accepted")}
    assert {r.reference for r in receipts} == {twins[0].reference}


def test_an_equal_text_of_long_before_is_no_candidate(it: Provider, provider: Emulator) -> None:
    contract().send(it, contract().outbound())
    message = contract().outbound(created_at=timezone.now() + timedelta(minutes=10))

    [receipt] = contract().lookup(it, message)

    assert receipt.kind is EventKind.NOT_FOUND


ODD_ANSWERS = [
    (429, {"Retry-After": "inf"}, {}, Outcome.RETRY, 86_400.0),
    (429, {"Retry-After": "nan"}, {}, Outcome.RETRY, 0.0),
    (429, {"Retry-After": "-5"}, {}, Outcome.RETRY, 0.0),
    (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, Outcome.RETRY, None),
    (307, {"Location": "/elsewhere"}, {}, Outcome.UNCERTAIN, None),
    (400, {}, {"code": "x" * 80, "message": "y" * 900}, Outcome.REJECTED, None),
    (408, {}, {}, Outcome.RETRY, None),
    (201, {}, [1], Outcome.UNCERTAIN, None),
]


@pytest.mark.parametrize(("status", "headers", "body", "outcome", "retry_after"), ODD_ANSWERS)
def test_an_odd_answer_does_no_harm(
    it: Provider,
    provider: Emulator,
    settings: Any,
    status: int,
    headers: Any,
    body: Any,
    outcome: Any,
    retry_after: Any,
) -> None:
    Odd.answer = (status, headers, body)
    Odd.asked.clear()
    with odd_proxy() as url:
        settings.TWILIO_BASE_URL = url
        [result] = contract().send(it, contract().outbound())

    assert (result.outcome, result.retry_after) == (outcome, retry_after)
    assert len(Odd.asked) == 1
    assert len(result.error_code) <= 50


def test_a_price_becomes_what_it_costs() -> None:
    assert twilio._price("-0.00790") == Decimal("0.00790")
    assert twilio._price(None) is None
    assert twilio._price("free") is None


@given(st.dictionaries(st.sampled_from(["To", "From", "Body", "StatusCallback"]), st.text(max_size=60)))
def test_a_form_is_written_as_the_standard_library_writes_it(fields: dict[str, str]) -> None:
    assume(all(not any("\ud800" <= letter <= "\udfff" for letter in value) for value in fields.values()))
    assert form(fields) == urlencode(fields)
