"""The starter designs in a browser: nothing sticks out, on a wide screen and on a phone, and every picture is there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Route, sync_playwright

from communications.models import MessageSchema
from communications.rendering.designs import Design, all_designs
from communications.rendering.looks import EmailShown
from communications.rendering.preview import preview

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def our_files(route: Route) -> None:
    """Pictures from the folder; nothing else is asked for."""
    _, found, name = route.request.url.partition("/static/")
    assert found, route.request.url
    route.fulfill(path=Path(settings.BASE_DIR) / "static" / name)


@pytest.mark.parametrize("chosen", all_designs(), ids=lambda chosen: chosen.key)
@pytest.mark.parametrize("width", [600, 390])
def test_it_fits_the_screen(browser: Browser, chosen: Design, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.route("**/*", our_files)
    shown = preview(MessageSchema(**chosen.as_initial())).shown
    assert isinstance(shown, EmailShown)
    page.set_content(shown.html)

    wide = page.evaluate(
        "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    broken = page.evaluate("[...document.images].filter(image => !image.naturalWidth).length")
    scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.close()

    assert (wide, broken, scrolls) == (0, 0, False)
