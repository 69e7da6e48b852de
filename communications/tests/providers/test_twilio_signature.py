"""Our check of a signature and Twilio's own validator are of one mind about whatever is posted."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import RequestFactory
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from communications.exceptions import WebhookRejected
from communications.providers import twilio

TOKEN = "emulator-auth-token-0000000000001"
FORM = "application/x-www-form-urlencoded"
PATHS = ("/api/webhooks/twilio/sms", "/api/webhooks/twilio/status?m=1", "/api/webhooks/twilio/status?m=%C3%A9&n=")

pairs = st.lists(st.tuples(st.sampled_from(["Body", "From", "To", "A", "é", ""]) | st.text(), st.text()), max_size=8)
bases = st.sampled_from(
    ["https://rapport.test", "http://rapport.test", "https://rapport.test:8443", "http://127.0.0.1:8000"]
)
urls = st.builds(str.__add__, bases, st.sampled_from(PATHS))


def lists(form: list[tuple[str, str]]) -> MultiValueDict[str, str]:
    found = MultiValueDict[str, str]()
    for name, value in form:
        found.appendlist(name, value)
    return found


def is_taken(url: str, form: list[tuple[str, str]], signature: str) -> bool:
    request = RequestFactory().post(
        "/", urlencode(form), content_type=FORM, headers={"X-Twilio-Signature": signature.encode().decode("latin-1")}
    )
    try:
        twilio.Twilio().verify(request, url)
    except WebhookRejected:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(urls, pairs, st.booleans())
def test_what_twilio_signs_is_taken_with_and_without_the_port(url: str, form: list[Any], by_port: bool) -> None:
    twilio_s = RequestValidator(TOKEN)
    signed_url = url.replace("rapport.test/", "rapport.test:443/") if by_port and url.startswith("https") else url
    signature = twilio_s.compute_signature(signed_url, lists(form))

    assert is_taken(url, form, signature) is twilio_s.validate(url, lists(form), signature) is True


@settings(max_examples=300, deadline=None)
@given(urls, pairs, pairs, st.sampled_from(["another token", TOKEN]), urls, st.text(max_size=28) | st.none())
def test_the_verdict_is_always_that_of_twilio_s_own_validator(
    url: str, form: list[Any], signed_form: list[Any], token: str, signed_url: str, noise: str | None
) -> None:
    signature = RequestValidator(token).compute_signature(signed_url, lists(signed_form)) if noise is None else noise
    expected = RequestValidator(TOKEN).validate(url, lists(form), signature)

    assert is_taken(url, form, signature) is expected


def test_the_common_case_is_settled_without_their_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    form = [("Body", "Hello"), ("From", "+14165551234")]
    signature = RequestValidator(TOKEN).compute_signature("https://rapport.test/api/webhooks/twilio/sms", dict(form))
    monkeypatch.setattr(twilio, "RequestValidator", None)

    assert is_taken("https://rapport.test/api/webhooks/twilio/sms", form, signature)
