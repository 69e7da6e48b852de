from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from communications.models import MessageData
from communications.tests.api.conftest import MESSAGES
from communications.tests.factories import MessageDataFactory
from config.accounts.models import ApiToken, User
from config.accounts.tests.factories import UserFactory
from config.api.limits import CallerThrottle
from config.tests.callers import client_of, errors_of


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("", "not_authenticated"),
        ("Basic dXNlcjpwYXNz", "not_authenticated"),
        ("Bearer", "authentication_failed"),
        ("Bearer rap_wrong", "authentication_failed"),
        ("Bearer " + "rap_" + "0" * 64, "authentication_failed"),
        ("Bearer \xff\xfe\xff", "authentication_failed"),
        ("Bearer one two", "authentication_failed"),
    ],
)
def test_a_wrong_token_is_told_so_in_json_and_nothing_is_sent(
    body: dict[str, Any], header: str | None, code: str
) -> None:
    client = APIClient()
    if header is not None:
        client.credentials(HTTP_AUTHORIZATION=header)
    answers = (client.post(MESSAGES, body), client.get(f"{MESSAGES}/{MessageDataFactory().pk}"))

    for response in answers:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert errors_of(response) == {(code, None)}
    assert MessageData.objects.count() == 1


def test_only_the_digest_of_a_token_is_kept(website: User) -> None:
    _, token = ApiToken.objects.create(user=website, name="Website")

    kept = ApiToken.objects.filter(user=website).values_list("digest", "token_key", "name").get()

    assert not any(token in str(value) for value in kept)


def test_a_token_that_ran_out_is_refused(website: User) -> None:
    client = client_of(website)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))

    assert errors_of(client.get(f"{MESSAGES}/{MessageDataFactory().pk}")) == {("authentication_failed", None)}


def test_a_user_who_was_switched_off_is_refused(website: User) -> None:
    client = client_of(website)
    User.objects.update(is_active=False)

    assert client.get(f"{MESSAGES}/{MessageDataFactory().pk}").status_code == 401


SCOPES = [
    ((), 403, 403),
    (("customers:write",), 403, 403),
    (("message-data:read",), 200, 403),
    (("message-data:write",), 200, 201),
    (("*",), 200, 201),
]


@pytest.mark.parametrize(("scopes", "read", "sent"), SCOPES, ids=str)
def test_a_token_may_do_what_its_scopes_say(
    website: User, body: dict[str, Any], scopes: tuple[str, ...], read: int, sent: int
) -> None:
    client = client_of(website, scopes=scopes)

    assert client.get(f"{MESSAGES}/{MessageDataFactory().pk}").status_code == read
    assert client.post(MESSAGES, body).status_code == sent


def test_a_scope_gives_nothing_that_its_user_may_not_do(body: dict[str, Any]) -> None:
    client = client_of(UserFactory(), scopes=("*",))
    answers = (client.post(MESSAGES, body), client.get(f"{MESSAGES}/{MessageDataFactory().pk}"))

    for response in answers:
        assert response.status_code == 403
        assert errors_of(response) == {("permission_denied", None)}


def test_who_may_not_read_does_not_learn_which_messages_exist(db: None) -> None:
    client = client_of(UserFactory(), scopes=("*",))

    assert client.get(f"{MESSAGES}/01890000-0000-7000-8000-000000000000").status_code == 403


def test_a_browser_reads_with_its_session(website: User) -> None:
    browser = APIClient()
    browser.force_login(website)

    assert browser.get(f"{MESSAGES}/{MessageDataFactory().pk}").status_code == 200


def test_a_browser_sends_only_with_the_csrf_token(website: User, body: dict[str, Any]) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(website)

    assert browser.post(MESSAGES, body).status_code == 403
    assert not MessageData.objects.exists()


def test_who_asks_too_often_is_told_when_to_come_again(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    CallerThrottle.cache.clear()
    monkeypatch.setattr(CallerThrottle, "rate", "2/min")
    address = f"{MESSAGES}/{MessageDataFactory().pk}"

    answers = [client.get(address) for _ in range(3)]

    assert [response.status_code for response in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert errors_of(answers[2]) == {("throttled", None)}


def test_one_caller_does_not_use_up_anothers_share(
    client: APIClient, website: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    CallerThrottle.cache.clear()
    monkeypatch.setattr(CallerThrottle, "rate", "1/min")
    address = f"{MESSAGES}/{MessageDataFactory().pk}"

    assert [client.get(address).status_code, client.get(address).status_code] == [200, 429]
    assert client_of(website).get(address).status_code == 200
