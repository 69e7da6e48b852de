"""The lean way of webhooks and tracking: the same answers with less around them, and what protects is still there."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config import wsgi
from config.accounts.tests.factories import UserFactory
from config.tests.requests import kept_open


@csrf_exempt
@login_not_required
def seen(request: HttpRequest) -> JsonResponse:
    """What the way here put on the request."""
    return JsonResponse({"names": sorted({"session", "user", "htmx"} & set(vars(request))), "host": request.get_host()})


@login_not_required
def away(_request: HttpRequest) -> HttpResponse:
    raise OperationalError("the connection is closed")


@login_not_required
def broken(_request: HttpRequest) -> HttpResponse:
    raise ValueError("a bug")


urlpatterns = [
    path("api/webhooks/seen", seen),
    path("api/webhooks/away", away),
    path("t/broken", broken),
    path("t/seen", seen),
    path("api/v1/seen", seen),
    path("api/v1/away", away),
    path("api/v1/broken", broken),
    path("page/seen", seen),
]
ours = pytest.mark.urls(__name__)


class Wire:
    """Asks the WSGI application as the server does."""

    def __init__(self) -> None:
        self.application = wsgi.Web()

    def get(self, address: str, **environ: Any) -> HttpResponse:
        return self._ask({**RequestFactory().get(address).environ, **environ})

    def post(self, address: str, body: bytes = b"", **environ: Any) -> HttpResponse:
        made = RequestFactory().post(address, body, content_type="text/plain").environ
        return self._ask({**made, "wsgi.input": BytesIO(body), **environ})

    def _ask(self, environ: dict[str, Any]) -> HttpResponse:
        told: list[Any] = []
        answer = self.application(environ, lambda status, headers: told.extend((status, headers)))
        body = b"".join(answer)
        getattr(answer, "close", lambda: None)()
        return HttpResponse(body, status=int(told[0][:3]), headers=dict(told[1]))


@pytest.fixture
def wire(settings: Any) -> Iterator[Wire]:
    settings.ALLOWED_HOSTS = ["testserver"]
    with kept_open():
        yield Wire()


@ours
@pytest.mark.parametrize("address", ["/api/webhooks/seen", "/t/seen"])
def test_programs_go_past_what_is_for_people(wire: Wire, address: str) -> None:
    answer = wire.post(address)

    assert answer.status_code == 200
    assert b'"names": []' in answer.content


@ours
@pytest.mark.django_db
def test_pages_pass_everything(wire: Wire) -> None:
    assert b'"names": ["htmx", "session", "user"]' in wire.get("/page/seen").content


@ours
@pytest.mark.django_db
def test_the_api_knows_its_caller_and_goes_past_what_is_for_pages(wire: Wire) -> None:
    answer = wire.get("/api/v1/seen")

    assert b'"names": ["session", "user"]' in answer.content


@pytest.mark.django_db
def test_the_api_refuses_a_session_from_another_site(wire: Wire) -> None:
    browser = Client()
    browser.force_login(UserFactory(is_superuser=True))
    cookie = f"sessionid={browser.cookies['sessionid'].value}"

    read = wire.get("/api/v1/message-data", HTTP_COOKIE=cookie)
    forged = wire.post("/api/v1/message-data", b"{}", HTTP_COOKIE=cookie)

    assert (read.status_code, forged.status_code) == (200, 403)
    assert b"CSRF" in forged.content


@ours
@pytest.mark.parametrize("address", ["/api/webhooks/seen", "/t/seen", "/api/v1/seen"])
def test_the_answers_are_complete_and_protected(wire: Wire, address: str) -> None:
    answer = wire.post(address)

    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"


@ours
def test_plain_http_is_led_to_https_where_that_is_the_rule(settings: Any, wire: Wire) -> None:
    settings.SECURE_SSL_REDIRECT = True
    wire = Wire()

    assert wire.post("/api/webhooks/seen").status_code == 301


@ours
def test_another_host_is_not_answered(wire: Wire) -> None:
    assert wire.get("/t/seen", HTTP_HOST="elsewhere.example").status_code == 400


@ours
def test_a_database_that_is_away_is_503_and_a_bug_is_500(wire: Wire) -> None:
    gone = wire.get("/api/webhooks/away")

    assert (gone.status_code, gone["Retry-After"]) == (503, "5")
    assert b"database_unavailable" in gone.content
    assert wire.get("/t/broken").status_code == 500
    assert wire.get("/api/v1/away").status_code == 503
    assert wire.get("/api/v1/broken").status_code == 500


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/api/webhooks/nobody/knows", "/t/nobody/unsubscribe", "/t/nobody/o.gif", "/t/", "/api/v1/nothing"]
)
def test_both_ways_lead_to_the_same_answer(wire: Wire, client: Any, address: str) -> None:
    lean, whole = wire.get(address), client.get(address)

    assert (lean.status_code, lean.content) == (whole.status_code, whole.content)
    assert lean["Content-Type"] == whole["Content-Type"]


def test_a_real_webhook_refuses_a_forgery_on_the_lean_way(wire: Wire) -> None:
    answer = wire.post("/api/webhooks/twilio/sms", b"Body=Hello")

    assert (answer.status_code, b"signature_invalid" in answer.content) == (403, True)
