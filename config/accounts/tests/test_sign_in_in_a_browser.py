"""Signing in as people do it, under the policy: by password, by app, by security key, on a desk and on a phone."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config.accounts.models import User
from config.accounts.tests.second_factors import PASSWORD, code_of, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
KEY = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright runs a loop in this thread
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def emily(settings: Any) -> User:
    cache.clear()
    settings.STAFF_SECOND_FACTOR = True
    return person()


def opened(browser: Browser, size: str, scheme: Any, problems: list[str]) -> Page:
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page


def give_password(page: Page) -> None:
    page.get_by_label("E-mail address").fill("emily@rapport.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")


def begin_to_set_up(page: Page, address: str) -> None:
    """From the back office, by way of the sign-in page."""
    page.goto(address)
    give_password(page)
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_an_app_is_set_up_and_asked_for(
    browser: Browser, live_server: Any, emily: User, size: str, scheme: str
) -> None:
    problems: list[str] = []
    page = opened(browser, size, scheme, problems)
    wanted = f"{live_server.url}/admin/customers/customer/"

    begin_to_set_up(page, wanted)
    assert page.locator(".qr").evaluate("image => image.naturalWidth") > 0
    assert_fits(page)
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code of six digits").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.locator(".codes li")).to_have_count(10)
    assert_fits(page)
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page).to_have_url(wanted)

    page.goto(f"{live_server.url}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    give_password(page)
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live_server.url}/admin/")

    assert problems == []
    page.close()


def test_a_security_key_is_added_and_used(browser: Browser, live_server: Any, emily: User) -> None:
    problems: list[str] = []
    page = opened(browser, "desk", "light", problems)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})

    begin_to_set_up(page, f"{live_server.url}/admin/")
    page.get_by_role("link", name="Use a security key instead").click()
    page.get_by_label("Name").fill("Blue key")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page).to_have_url(f"{live_server.url}/admin/")

    page.goto(f"{live_server.url}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    give_password(page)
    page.get_by_role("button", name="Use a security key").click()
    expect(page).to_have_url(f"{live_server.url}/admin/")

    assert problems == []
    page.close()
