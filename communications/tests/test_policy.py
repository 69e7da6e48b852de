"""What each kind of page may load and do, as its answer tells the browser."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from communications.tests.test_template_pages import email, url
from communications.tracking.tokens import token_for
from config.accounts.tests.factories import UserFactory
from config.tests.source import ROOT

pytestmark = pytest.mark.django_db
HEADER = "Content-Security-Policy"
STRICT = {
    "default-src": {"'self'"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "data:"},
    "connect-src": {"'self'"},
    "object-src": {"'none'"},
    "base-uri": {"'self'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def policy_of(answer: HttpResponse) -> dict[str, set[str]]:
    lines = [line.split() for line in answer[HEADER].split(";")]
    assert len({name for name, *_ in lines}) == len(lines), "a directive is there twice"
    return {name: set(sources) for name, *sources in lines}


@pytest.mark.parametrize("name", ["account_login", "mfa_index", "account_change_password", "docs"])
def test_a_page_runs_nothing_but_files_of_ours(staff: Client, name: str) -> None:
    client = Client() if name == "account_login" else staff
    answer = client.get(reverse(name))

    assert answer.status_code == 200
    assert policy_of(answer) == STRICT
    page = answer.content.decode()
    assert "<style" not in page and "style=" not in page and "onclick" not in page


def test_what_is_refused_or_missing_is_under_the_same_policy(staff: Client, client: Client) -> None:
    outsider = Client()
    outsider.force_login(UserFactory())

    assert policy_of(outsider.get(reverse("admin:login"))) == STRICT
    assert policy_of(client.get("/nothing")) == STRICT
    assert policy_of(client.get("/admin/")) == STRICT


@pytest.mark.parametrize("address", ["admin:index", "admin:customers_customer_changelist", "admin:jsi18n"])
def test_the_back_office_may_what_its_theme_needs(staff: Client, address: str) -> None:
    assert policy_of(staff.get(reverse(address))) == STRICT | _of_the_back_office("testserver")


def test_its_sockets_are_where_the_settings_say(staff: Client, settings: Any) -> None:
    settings.LIVE_URL = "wss://live.rapport.example"

    assert policy_of(staff.get("/admin/"))["connect-src"] == {"'self'", "wss://live.rapport.example"}


def _of_the_back_office(host: str) -> dict[str, set[str]]:
    return {
        "script-src": {"'self'", "'unsafe-eval'"},
        "style-src": {"'self'", "'unsafe-inline'"},
        "connect-src": {"'self'", f"ws://{host}:8001"},
    }


def test_no_template_of_ours_has_a_script_or_a_style_in_it() -> None:
    inline = re.compile(r"<script(?![^>]* (?:src=|type=\"application/json\"))|<style|\sstyle=|\son[a-z]+=")
    texts = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "templates").rglob("*.html")}

    assert len(texts) > 60
    assert [str(path) for path, text in texts.items() if inline.search(text)] == []


def test_a_mail_in_a_frame_has_its_own_policy(staff: Client) -> None:
    schema = email()

    policy = policy_of(staff.get(url("preview_page", schema)))

    assert policy["default-src"] == {"'none'"}
    assert policy["frame-ancestors"] == {"'self'"} and "sandbox" in policy


def test_a_page_for_customers_has_its_own_policy(client: Client) -> None:
    policy = policy_of(client.get(f"/t/{token_for(UserFactory().pk)}/unsubscribe"))

    assert policy["default-src"] == {"'none'"}
    assert "script-src" not in policy
