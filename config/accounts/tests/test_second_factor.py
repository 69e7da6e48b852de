"""Staff and their second factor: set up, used, lost."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from config.accounts import second_factor
from config.accounts.models import User
from config.accounts.tests.second_factors import PASSWORD, code_of, person, recovery_codes, sign_in, with_app
from config.tests.back_office import list_url
from config.tests.callers import client_of

pytestmark = pytest.mark.django_db
WANTED = "/admin/auth/group/?q=agent"


@pytest.fixture(autouse=True)
def nobody_tried_yet() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def wanted_of_staff(settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True


@pytest.fixture
def emily() -> User:
    return person()


def test_staff_without_one_set_it_up_and_come_back_to_where_they_wanted(client: Client, emily: User) -> None:
    sign_in(client, then=WANTED)
    led = client.get(WANTED, follow=True)
    assert led.redirect_chain[0] == (reverse("mfa_activate_totp"), 302)
    assert led.request["PATH_INFO"] == reverse("account_reauthenticate")

    confirmed = client.post(led.request["PATH_INFO"] + f"?{led.request['QUERY_STRING']}", {"password": PASSWORD})
    page = client.get(confirmed["Location"])
    secret = page.context["form"].secret
    codes = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}, follow=True)

    assert "The back office opens only with one" in page.content.decode()
    assert codes.request["PATH_INFO"] == reverse("mfa_view_recovery_codes")
    assert f'href="{WANTED}"' in codes.content.decode()
    assert client.get(WANTED).status_code == 200
    assert second_factor.AFTERWARDS not in client.session


@pytest.mark.parametrize("address", ["/", "/admin/", "/admin/jsi18n/", "/parts/health/"])
def test_no_page_of_the_back_office_opens_before(client: Client, emily: User, address: str) -> None:
    client.force_login(emily)

    assert client.get(address)["Location"] == reverse("mfa_activate_totp")


def test_a_part_of_an_open_page_leads_the_whole_page_there(client: Client, emily: User) -> None:
    client.force_login(emily)

    answer = client.get("/admin/", headers={"HX-Request": "true"})

    assert (answer.status_code, answer["HX-Redirect"]) == (200, reverse("mfa_activate_totp"))


def test_the_api_refuses_such_a_session_but_no_token(emily: User) -> None:
    browser = APIClient()
    browser.force_login(emily)

    refused = browser.get("/api/v1/message-data")

    assert refused.status_code == 403
    assert "second factor" in refused.json()["errors"][0]["detail"]
    assert client_of(emily).get("/api/v1/message-data").status_code == 200


def test_the_rest_stays_open(client: Client, emily: User) -> None:
    client.force_login(emily)

    assert client.get("/health").status_code == 200
    assert client.get(reverse("mfa_index")).status_code == 200
    assert client.post(reverse("account_logout")).status_code == 302


@pytest.mark.parametrize("facts", [{"wanted": False, "is_staff": True}, {"wanted": True, "is_staff": False}])
def test_it_is_asked_of_staff_alone_and_only_where_it_is_wanted(db: None, settings: Any, facts: Any) -> None:
    settings.STAFF_SECOND_FACTOR = facts["wanted"]

    assert not second_factor.is_missing(person(is_staff=facts["is_staff"]))


def test_who_has_one_signs_in_with_it(client: Client, emily: User) -> None:
    secret = with_app(emily)

    asked = sign_in(client, then=WANTED)
    early = client.get(WANTED)
    wrong = client.post(reverse("mfa_authenticate"), {"code": "12345678"})
    right = client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})

    assert asked["Location"].startswith(reverse("mfa_authenticate"))
    assert early["Location"].startswith(reverse("account_login"))
    assert "Incorrect code" in wrong.content.decode()
    assert right["Location"] == WANTED
    assert client.get(WANTED).status_code == 200


def test_a_code_that_was_used_signs_in_nobody_else(emily: User) -> None:
    code = code_of(with_app(emily))

    assert _answers(code) == [302, 200]


def test_a_recovery_code_works_once(emily: User) -> None:
    with_app(emily)

    assert _answers(recovery_codes(emily)[0]) == [302, 200]
    assert len(recovery_codes(emily)) == 9


def _answers(code: str) -> list[int]:
    """Of two browsers with the same code."""
    statuses = []
    for browser in (Client(), Client()):
        sign_in(browser)
        statuses.append(browser.post(reverse("mfa_authenticate"), {"code": code}).status_code)
    return statuses


def test_guessing_codes_has_to_wait_too(client: Client, emily: User) -> None:
    with_app(emily)
    sign_in(client)

    answers = [client.post(reverse("mfa_authenticate"), {"code": "12345678"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "Too many attempts" in answers[5].content.decode()


def test_a_colleague_removes_what_was_lost(client: Client, emily: User) -> None:
    with_app(emily)
    manager = User.objects.create_superuser("manager@rapport.test")
    with_app(manager)
    client.force_login(manager)

    client.post(list_url(User), {"action": "remove_second_factor", "_selected_action": [str(emily.pk)]})

    assert second_factor.is_missing(emily)
    assert not second_factor.is_missing(manager)
    assert Authenticator.objects.filter(user=manager).count() == 2


def test_every_page_of_the_account_is_shown(client: Client, emily: User) -> None:
    with_app(emily)
    key = Authenticator.objects.create(
        user=emily, type=Authenticator.Type.WEBAUTHN, data={"name": "Blue key", "credential": {}}
    )
    client.force_login(emily)
    confirmed = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    names = ("mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_reauthenticate")  # fmt: skip
    addresses = [reverse(name) for name in (*names, "mfa_list_webauthn", "account_logout", "account_inactive")]
    addresses += [reverse(f"mfa_{verb}_webauthn", kwargs={"pk": key.pk}) for verb in ("edit", "remove")]

    shown = {address: client.get(address) for address in addresses}

    assert confirmed.status_code == 302
    assert {page.status_code for page in shown.values()} == {200}
    assert all("accounts/accounts.css" in page.content.decode() for page in shown.values())
    assert "Blue key" in shown[reverse("mfa_list_webauthn")].content.decode()
    assert client.get(reverse("mfa_download_recovery_codes"))["Content-Type"].startswith("text/plain")


def test_a_copy_of_the_database_opens_no_second_factor(emily: User) -> None:
    secret = with_app(emily)
    codes = recovery_codes(emily)

    kept = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in kept
    assert not any(code in kept for code in codes)
    assert all("gAAAA" in str(data) for data in Authenticator.objects.values_list("data", flat=True))


def test_a_new_key_leaves_those_before_it_of_use(client: Client, emily: User, settings: Any) -> None:
    secret = with_app(emily)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"

    sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})

    assert client.get("/admin/").status_code == 200


def test_without_its_key_no_code_fits(client: Client, emily: User, settings: Any) -> None:
    secret = with_app(emily)
    settings.SECOND_FACTOR_KEYS = ["another"]

    sign_in(client)
    for code in (code_of(secret), code_of("")):
        assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200

    assert client.get("/admin/").status_code == 302
