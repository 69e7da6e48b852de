"""The unsubscribe page as a person sees it, without a script: by mouse or keyboard, on a desk or a phone, day and night."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from communications.models import MessageData
from communications.tests.tracking.mails import mailed
from communications.tracking.tokens import token_for

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright runs a loop in this thread
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def message() -> MessageData:
    return mailed()


def opened(browser: Browser, url: str, size: str, scheme: Any, problems: list[str]) -> Page:
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme, java_script_enabled=False)
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto(url)
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_leaves_and_comes_back(
    browser: Browser, live_server: Any, message: MessageData, size: str, scheme: str
) -> None:
    problems: list[str] = []
    page = opened(browser, f"{live_server.url}/t/{token_for(message.pk)}/unsubscribe", size, scheme, problems)

    expect(page.get_by_role("radio", name="Only promotions")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence")).to_have_text("j***@example.com receives no more promotions from Huron Home.")
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator(".sentence")).to_have_text("j***@example.com receives nothing more from Huron Home.")
    page.get_by_role("button", name="Subscribe again").click()
    page.get_by_role("button", name="Subscribe again").click()
    expect(page.get_by_role("button", name="Unsubscribe")).to_be_visible()

    assert page.locator("html").evaluate("html => html.scrollWidth") <= SIZES[size]["width"]
    assert problems == []
    page.close()
