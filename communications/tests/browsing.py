"""A member of staff at a browser: signed in, at any width, in the light or in the dark; what goes wrong is kept."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
from django.test import Client
from playwright.sync_api import Page, sync_playwright

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory

_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: No sockets' server runs beside the tests, pictures of the world outside are not there, and a mail's frame keeps nothing.
_EXPECTED = (
    "document is sandboxed",
    "WebSocket connection",
    "net::ERR_NAME_NOT_RESOLVED",
    "net::ERR_INTERNET_DISCONNECTED",
)
_DARK = "localStorage.setItem('_x_adminTheme', '\"dark\"'); localStorage.setItem('adminTheme', '\"dark\"')"


@contextmanager
def staff_at(server: Any, *, user: User | None = None) -> Iterator["Desk"]:
    """Everything may be done, unless `user` says otherwise."""
    client = Client()
    client.force_login(user or UserFactory(name="Emily Thompson", is_staff=True, is_superuser=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield Desk(browser, server.url, cookie)
        browser.close()


class Desk:
    """`problems` are errors of scripts and of the console."""

    def __init__(self, browser: Any, url: str, cookie: Any) -> None:
        self._browser, self._url, self._cookie = browser, url, cookie
        self.problems: list[str] = []

    def page(self, *, width: int = 1440, dark: bool = False) -> Page:
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        context.add_cookies([self._cookie])
        page: Page = context.new_page()
        page.route(
            "**/parts/health/", lambda route: route.fulfill(body="")
        )  # it asks processes that do not run beside tests
        if dark:
            page.add_init_script(_DARK)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        return page

    def _note(self, text: str) -> None:
        if not any(expected in text for expected in _EXPECTED):
            self.problems.append(text)

    def open(self, page: Page, path: str) -> None:
        answer = page.goto(self._url + path)
        assert answer is not None and answer.status == 200, path
        page.wait_for_load_state("networkidle")


def barriers(page: Page) -> list[str]:
    """What keeps people from using the page, by axe: rule and place, of those that are serious or worse."""
    page.evaluate(_AXE)
    found = page.evaluate("tags => axe.run(document, {resultTypes: ['violations'], runOnly: tags})", _RULES)
    grave = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]}" for each in grave for node in each["nodes"]]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
