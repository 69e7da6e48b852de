import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.backends.db import SessionStore
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from config.middleware import RETRY_AFTER_SECONDS

ERRORS = {
    "operational": OperationalError("the connection is closed"),
    "interface": InterfaceError("connection already closed"),
    "integrity": IntegrityError("duplicate key"),
    "data": DataError("value too long"),
    "other": ValueError("a bug"),
}


@login_not_required
def page(request: HttpRequest, error: str) -> HttpResponse:
    raise ERRORS[error]


@login_not_required
def reads_session(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.session.get("name")))


@login_not_required
@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def resource(request: Request, error: str) -> Response:
    raise ERRORS[error]


urlpatterns = [
    path("page/<error>", page),
    path("session", reads_session),
    path("resource/<error>", resource),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def assert_come_again(response: HttpResponse) -> None:
    assert response.status_code == 503
    assert response["Retry-After"] == str(RETRY_AFTER_SECONDS)
    assert response.json()["type"] == "server_error"
    assert [error["code"] for error in response.json()["errors"]] == ["database_unavailable"]
    assert "try again" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("error", ["operational", "interface"])
@pytest.mark.parametrize("kind", ["page", "resource"])
def test_a_database_that_is_away_answers_503_and_when_to_come_again(visitor, kind, error):
    assert_come_again(visitor.get(f"/{kind}/{error}"))


@pytest.mark.parametrize("error", ["integrity", "data", "other"])
@pytest.mark.parametrize("kind", ["page", "resource"])
def test_a_bug_stays_a_500(visitor, kind, error):
    response = visitor.get(f"/{kind}/{error}")
    assert response.status_code == 500
    assert "Retry-After" not in response


def test_sessions_that_cannot_be_read_answer_503_too(visitor, monkeypatch):
    def away(self: SessionStore) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(SessionStore, "_get_session_from_db", away)
    visitor.cookies["sessionid"] = "a" * 32
    assert_come_again(visitor.get("/session"))


def test_one_request_does_not_answer_for_the_next(visitor):
    visitor.get("/page/operational")
    assert visitor.get("/page/other").status_code == 500
    assert visitor.get("/session").status_code == 200


def test_nothing_of_the_error_is_told(visitor):
    assert b"connection is closed" not in visitor.get("/page/operational").content
