"""One page to sign in at, and how often one may try."""

from typing import Any

import pytest
from django.contrib.auth.hashers import get_hasher
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse

from config.accounts.adapter import AccountAdapter
from config.accounts.models import User
from config.accounts.tests.second_factors import PASSWORD, person, sign_in
from config.settings import base

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_tried_yet() -> None:
    cache.clear()


@pytest.fixture
def emily() -> User:
    return person()


def test_who_asks_for_the_back_office_signs_in_and_gets_there(client: Client, emily: User) -> None:
    asked = client.get("/admin/auth/group/", follow=True)
    answer = sign_in(client, email="Emily@Rapport.test", then="/admin/auth/group/")

    assert asked.request["PATH_INFO"] == reverse("account_login")
    assert "on every channel, in one place" in asked.content.decode()
    assert (answer.status_code, answer["Location"]) == (302, "/admin/auth/group/")
    assert client.get("/admin/auth/group/").status_code == 200


def test_the_admins_own_form_takes_nobody_in(client: Client, emily: User) -> None:
    answer = client.post(reverse("admin:login"), {"username": emily.email, "password": PASSWORD})

    assert answer["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session
    sign_in(client)
    assert client.get(reverse("admin:login", query={"next": "/admin/"}), follow=True).request["PATH_INFO"] == "/admin/"


def test_an_account_without_access_is_told_so(client: Client) -> None:
    person(is_staff=False)

    page = client.get(sign_in(client)["Location"], follow=True)

    assert page.status_code == 403
    assert "You are signed in as emily@rapport.test, which may not open this page" in page.content.decode()


def test_nobody_is_led_to_another_site(client: Client, emily: User) -> None:
    assert sign_in(client, then="https://elsewhere.example/")["Location"] == "/admin/"


def test_signing_out_leads_back_to_the_page(client: Client, emily: User) -> None:
    sign_in(client)

    answer = client.post(reverse("admin:logout"))

    assert answer["Location"] == reverse("account_login")
    assert "_auth_user_id" not in client.session


def test_a_switched_off_account_stays_out(client: Client, emily: User) -> None:
    User.objects.update(is_active=False)

    page = sign_in(client)

    assert page.status_code == 200 and "do not go together" in page.content.decode()


def test_after_five_wrong_passwords_the_right_one_waits_too(client: Client, emily: User) -> None:
    wrong = [sign_in(client, password="wrong") for _ in range(5)]
    sixth = sign_in(client)

    assert {answer.status_code for answer in wrong} == {200}
    assert "do not go together" in wrong[0].content.decode()
    assert sixth.status_code == 429
    assert "Try again in a quarter of an hour" in sixth.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_address_that_nobody_has_is_counted_alike(client: Client, db: None) -> None:
    answers = [sign_in(client, email="nobody@rapport.test").status_code for _ in range(6)]

    assert answers == [200] * 5 + [429]


def test_others_sign_in_while_one_is_tried(client: Client, emily: User) -> None:
    for _ in range(6):
        sign_in(client, email="nobody@rapport.test")

    assert sign_in(client).status_code == 302


def test_behind_a_proxy_each_client_is_counted_by_itself(client: Client, emily: User) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        for number in range(21):
            told = {"login": f"user{number}@rapport.test", "password": "wrong"}
            client.post(reverse("account_login"), told, headers={"X-Forwarded-For": "203.0.113.9"})
        many = client.post(reverse("account_login"), told, headers={"X-Forwarded-For": "203.0.113.9"})
        other = client.post(reverse("account_login"), told, headers={"X-Forwarded-For": "203.0.113.10"})

    assert (many.status_code, other.status_code) == (429, 200)


@pytest.mark.parametrize("name", ["signup", "email", "set_password", "reset_password", "confirm_email"])
def test_nobody_signs_up_and_nothing_is_done_by_mail(client: Client, name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"account_{name}")

    assert client.get(f"/accounts/{name.replace('_', '/')}/").status_code == 404
    assert AccountAdapter().is_open_for_signup(Any) is False  # type: ignore[arg-type]


def test_a_password_is_changed_by_whoever_knows_the_old_one(client: Client, emily: User) -> None:
    sign_in(client)
    address = reverse("account_change_password")
    new = {"password1": "another-long-password", "password2": "another-long-password"}

    refused = client.post(address, {"oldpassword": "wrong", **new})
    changed = client.post(address, {"oldpassword": PASSWORD, **new}, follow=True)

    assert client.get(reverse("admin:password_change"))["Location"] == address
    assert refused.status_code == 200
    assert "Password successfully changed" in changed.content.decode()
    emily.refresh_from_db()
    assert emily.check_password("another-long-password")


def test_passwords_are_hashed_by_argon2_first() -> None:
    with override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS):
        assert get_hasher().algorithm == "argon2"
