"""The preview of an e-mail in a browser: its frame, its widths, its colours, and a mail that can do nothing."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from communications.models import MessageSchemaVersion
from communications.tests.test_template_pages import email, url
from config.accounts.tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ATTACK = '<script>parent.document.title = "broken out"</script></head>'


@pytest.fixture
def preview(live_server: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a preview and the cookie of somebody who may see it."""
    schema = email()
    broken = schema.versions.get()
    compiled = {**broken.compiled, "html": broken.compiled["html"].replace("</head>", ATTACK)}
    version = MessageSchemaVersion.objects.create(
        message_schema=schema, version=2, language="en", template_schema=broken.template_schema, compiled=compiled
    )
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    yield live_server.url + url("preview", schema, version=str(version.pk)), cookie


def opened(context: BrowserContext, address: str, cookie: Any, problems: list[str]) -> Page:
    context.add_cookies([cookie])
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    return page


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("width", [1440, 390])
def test_an_email_is_looked_at_wide_and_narrow_light_and_dark(preview: Any, width: int) -> None:
    problems: list[str] = []
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = opened(browser.new_context(viewport={"width": width, "height": 900}), *preview, problems)
        mail = page.frame_locator("#mail")

        expect(mail.get_by_text("Hello John,")).to_be_visible()
        assert not scrolls_sideways(page)
        page.get_by_role("button", name="390").click()
        expect(page.locator("#mail")).to_have_attribute("width", "390")
        page.get_by_role("button", name="Dark").click()
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        expect(mail.locator("html")).to_have_css("filter", "invert(1) hue-rotate(180deg)", timeout=30_000)
        assert page.title() != "broken out"
        page.reload()  # the choice is kept
        expect(mail.locator("html")).to_have_css("filter", "invert(1) hue-rotate(180deg)", timeout=30_000)
        browser.close()

    assert [problem for problem in problems if "sandboxed" not in problem] == []
