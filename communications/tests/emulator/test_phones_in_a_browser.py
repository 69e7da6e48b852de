import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from communications.tests.emulator.support import ANNA, Answer

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the module; a page is opened by each test."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert problems == []


def test_a_person_reads_what_arrived_and_replies(page: Page, emulator, twilio, receiver):
    receiver.answer = Answer(body="<Response><Message>See you at ten</Message></Response>")
    twilio.send(body="<img src=x onerror=alert(1)> & more")

    page.goto(f"{emulator.url}/phones")
    page.locator(f"[data-address='{ANNA}']").click()
    expect(page.locator(".bubble .text").first).to_have_text("<img src=x onerror=alert(1)> & more")
    page.get_by_role("button", name="CONFIRM").click()

    expect(page.locator(".bubble .text")).to_have_count(3)
    expect(page.locator(".bubble .text").last).to_have_text("See you at ten")
    assert receiver.received[-1].form["Body"] == "CONFIRM"


def test_a_stranger_writes_in_by_keyboard_alone(page: Page, emulator, receiver):
    page.goto(f"{emulator.url}/phones")
    expect(page.locator("#mood")).to_have_text("Behaving")

    page.keyboard.press("n")
    page.keyboard.type(ANNA)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Good morning")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#owner")).to_have_text("+1 415 555 0123")
    expect(page.locator("#outcome")).to_have_text("The webhook answered 200.")
    assert receiver.received[-1].form["From"] == ANNA


def test_a_fault_is_switched_on_and_off(page: Page, emulator, twilio):
    page.goto(f"{emulator.url}/phones")
    switch = page.locator("label.switch", has_text="Internal error")

    switch.click()
    expect(page.locator("#mood")).to_have_text("1 fault on")
    assert twilio.send().status == 500
    switch.click()
    expect(page.locator("#mood")).to_have_text("Behaving")

    assert twilio.send().status == 201
