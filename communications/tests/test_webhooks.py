"""The door for providers, at which everything is refused, stored or asked to come again. See test_journal for what follows."""

import io
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from twilio.request_validator import RequestValidator

from communications import intake
from communications.models import WebhookDelivery
from communications.webhooks import views
from config import wake
from config.celery import app

pytestmark = pytest.mark.django_db

SMS = {"MessageSid": "SM" + "1" * 32, "From": "+14165551234", "To": "+15195550100", "Body": "Hello", "NumMedia": "0"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def forgers(monkeypatch: pytest.MonkeyPatch) -> views.Forgers:
    """Nobody is known as a forger yet."""
    forgers = views.Forgers()
    monkeypatch.setattr(views, "_forgers", forgers)
    return forgers


@pytest.fixture
def twilio(settings: Any) -> "Twilio":
    settings.PUBLIC_BASE_URL = "https://rapport.test"
    settings.TWILIO_AUTH_TOKEN = "our own token"
    return Twilio()


class Twilio:
    """Posts as Twilio does. `token` makes it somebody else."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)

    def post(
        self, form: dict[str, str], path: str = "sms", *, token: str = "our own token", body: bytes | None = None
    ) -> HttpResponse:
        url = f"https://rapport.test/api/webhooks/twilio/{path}"
        signature = RequestValidator(token).compute_signature(url, form)
        raw = urlencode(form).encode() if body is None else body
        address = f"/api/webhooks/twilio/{path}"
        return self.client.post(address, raw, content_type=FORM, headers={"X-Twilio-Signature": signature})


def refused(response: HttpResponse, status: int, code: str) -> bool:
    """With this status, in the one error shape, and without a row."""
    [error] = response.json()["errors"]
    assert set(error) == {"code", "detail", "attr"}
    return (response.status_code, error["code"], WebhookDelivery.objects.count()) == (status, code, 0)


def test_what_twilio_signed_is_stored_raw_and_acknowledged(twilio: Twilio) -> None:
    response = twilio.post(SMS)

    assert (response.status_code, response["Content-Type"]) == (200, "text/xml")
    assert response.content.decode().endswith("<Response/>")
    row = WebhookDelivery.objects.get()
    assert (row.provider, row.endpoint, row.state) == ("twilio", "sms", "received")
    assert bytes(row.body) == urlencode(SMS).encode()
    assert (row.url, row.content_type) == ("https://rapport.test/api/webhooks/twilio/sms", FORM)
    assert (row.remote_address, "X-Twilio-Signature" in row.headers) == ("127.0.0.1", True)


def test_a_status_callback_keeps_the_address_that_names_our_message(twilio: Twilio) -> None:
    response = twilio.post({"MessageSid": "SM1", "MessageStatus": "sent"}, "status?m=17")

    assert (response.status_code, response.content) == (200, b"")
    row = WebhookDelivery.objects.get()
    assert (row.endpoint, row.query_string) == ("status", "m=17")


def test_a_delivery_costs_one_statement(twilio: Twilio) -> None:
    with CaptureQueriesContext(connection) as captured:
        twilio.post(SMS)

    [query] = captured.captured_queries
    assert "INSERT INTO" in query["sql"]


def test_the_same_bytes_twice_are_two_rows(twilio: Twilio) -> None:
    twilio.post(SMS)
    twilio.post(SMS)

    assert WebhookDelivery.objects.count() == 2


def test_every_webhook_is_reachable_by_name() -> None:
    assert reverse("twilio-sms") == "/api/webhooks/twilio/sms"
    assert reverse("twilio-status") == "/api/webhooks/twilio/status"


# --- refused


def test_a_wrong_signature_leaves_no_row(twilio: Twilio) -> None:
    assert refused(twilio.post(SMS, token="a forger's token"), 403, "signature_invalid")


def test_a_signature_of_the_other_endpoint_is_wrong(twilio: Twilio) -> None:
    url = "https://rapport.test/api/webhooks/twilio/status"
    signature = RequestValidator("our own token").compute_signature(url, SMS)
    response = twilio.client.post(
        "/api/webhooks/twilio/sms", SMS, headers={"X-Twilio-Signature": signature}, content_type=FORM
    )

    assert refused(response, 403, "signature_invalid")


def test_who_keeps_forging_is_told_to_wait_and_twilio_is_still_heard(twilio: Twilio) -> None:
    codes = [twilio.post(SMS, token="a forger's token").status_code for _ in range(32)]

    assert codes == [403] * 30 + [429] * 2
    throttled = twilio.post(SMS, token="a forger's token")
    assert throttled["Retry-After"] == "60"
    assert refused(throttled, 429, "throttled")
    assert twilio.post(SMS).status_code == 200  # through the same proxy


def test_a_forger_is_known_by_his_address_for_a_minute(forgers: views.Forgers, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(30):
        forgers.note("192.0.2.1")
    assert forgers.is_throttled("192.0.2.1")
    assert not forgers.is_throttled("192.0.2.2")

    later = time.monotonic() + 61
    monkeypatch.setattr(views.time, "monotonic", lambda: later)
    assert not forgers.is_throttled("192.0.2.1")


def test_the_memory_of_forgers_has_an_end(forgers: views.Forgers) -> None:
    for number in range(10_500):
        forgers.note(str(number))

    assert len(forgers._seen) <= 10_001


def test_a_body_of_two_megabytes_is_too_large(twilio: Twilio) -> None:
    assert refused(twilio.post({**SMS, "Body": "x" * 2_000_000}), 413, "payload_too_large")


def test_a_body_up_to_the_limit_is_taken(twilio: Twilio, settings: Any) -> None:
    body = urlencode(SMS).encode()
    settings.WEBHOOK_MAX_BODY_BYTES = {"twilio": len(body)}
    assert twilio.post(SMS).status_code == 200

    settings.WEBHOOK_MAX_BODY_BYTES = {"twilio": len(body) - 1}
    assert twilio.post(SMS).status_code == 413


@pytest.mark.parametrize("length", ["many", "-5", "1e3"])
def test_a_length_that_is_none_is_refused(twilio: Twilio, length: str) -> None:
    response = twilio.client.generic("POST", "/api/webhooks/twilio/sms", b"a=b", FORM, CONTENT_LENGTH=length)

    assert refused(response, 413, "payload_too_large")


class Counted(io.BytesIO):
    """A body that says how much of it was read."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        self.read_bytes += len(chunk)
        return chunk


def test_a_body_without_a_length_is_never_read_beyond_the_limit(twilio: Twilio) -> None:
    body = Counted(b"x" * 3_000_000)
    chunked = {"wsgi.input": body, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    response = twilio.client.generic("POST", "/api/webhooks/twilio/sms", b"", FORM, **chunked)

    assert response.status_code in (403, 413)
    assert body.read_bytes <= 1_000_001
    assert WebhookDelivery.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
def test_only_a_post_is_a_delivery(twilio: Twilio, method: str) -> None:
    response = getattr(twilio.client, method)("/api/webhooks/twilio/sms")

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert WebhookDelivery.objects.count() == 0


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"a" * 900_000, b"%00=%00", b"&&&=&=", b""])
def test_no_body_makes_the_door_fall_over(twilio: Twilio, body: bytes) -> None:
    assert refused(twilio.post(SMS, body=body), 403, "signature_invalid")


# --- when it cannot be stored, or nobody can be woken


def test_when_it_cannot_be_stored_the_provider_is_asked_to_come_again(
    twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(intake, "fetch_all", away)

    response = twilio.post(SMS)

    assert response["Retry-After"]
    assert refused(response, 503, "database_unavailable")


@pytest.fixture
def redis_away(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[wake._Bell]:
    """Workers are woken by way of a Redis that refuses, or takes the connection and never says a word."""
    bell = wake._Bell()
    settings.WAKE_WORKERS = True
    monkeypatch.setattr(wake, "_bell", bell)
    monkeypatch.setattr(wake, "_PAUSE_SECONDS", 0.1)
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        if request.param == "frozen":
            port.listen(16)
        monkeypatch.setitem(app.conf, "broker_url", f"redis://127.0.0.1:{port.getsockname()[1]}/0")
        _forget_connections()
        yield bell
        bell.flush(3)
    _forget_connections()


def _forget_connections() -> None:
    if app._pool is not None:
        app._pool.force_close_all()
    app._pool = None
    app.amqp._producer_pool = None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redis_away", ["refusing", "frozen"], indirect=True)
def test_a_redis_that_is_away_neither_holds_nor_fails_a_delivery(twilio: Twilio, redis_away: wake._Bell) -> None:
    slowest = 0.0
    for _ in range(5):
        begun = time.monotonic()
        assert twilio.post(SMS).status_code == 200
        slowest = max(slowest, time.monotonic() - begun)

    assert slowest < 1.0
    assert WebhookDelivery.objects.count() == 5
    assert redis_away._thread is not None  # somebody did try to wake
