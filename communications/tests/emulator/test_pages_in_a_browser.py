import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from communications.tests.emulator.support import ANNA, MAIL_ANNA, Answer, person, until

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
    page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
    yield page
    page.close()
    assert problems == []


def _is_problem(message: ConsoleMessage) -> bool:
    """What a mail is kept from, a script or a picture, is none."""
    kept = ('directive: "img-src data:"', "Blocked script execution")
    return message.type == "error" and not any(words in message.text for words in kept)


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


def test_a_mail_is_read_in_a_sandbox_and_opened_with_its_pictures(page: Page, emulator, sendgrid, receiver):
    picture, link = receiver.url("/pixel.gif"), receiver.url("/link")
    html = f"<html><head></head><body><p>Dear -name-</p><a href='{link}'>Go</a><img src='{picture}'><script>parent.x=1</script>"
    sendgrid.send(
        person(MAIL_ANNA, substitutions={"-name-": "<b>Anna</b>"}),
        content=[{"type": "text/plain", "value": "Dear -name-"}, {"type": "text/html", "value": html}],
    )

    page.goto(f"{emulator.url}/mail")
    page.locator(".person", has_text=MAIL_ANNA).click()
    expect(page.frame_locator("iframe").locator("p b")).to_have_text("Anna")
    page.locator("label", has_text="Text").click()
    expect(page.locator("pre")).to_have_text("Dear <b>Anna</b>")
    assert [item for item in receiver.received if item.path.endswith("pixel.gif")] == []

    page.keyboard.press("o")
    expect(page.locator("#outcome")).to_have_text("SendGrid tells of the open.")
    until(lambda: any(item.path.endswith("pixel.gif") for item in receiver.received))
    page.get_by_role("button", name="Click").click()

    expect(page.locator("#story li b")).to_have_text(["Processed", "Delivered", "Opened", "Clicked"])
    until(lambda: {"open", "click"} <= {event["event"] for event in receiver.events()})
    assert page.evaluate("window.x") is None


def test_a_person_unsubscribes_with_the_mail_clients_button(page: Page, emulator, sendgrid, receiver):
    headers = {"List-Unsubscribe": f"<{receiver.url('/u')}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    sendgrid.send(person(MAIL_ANNA, headers=headers))

    page.goto(f"{emulator.url}/mail")
    page.locator(".person").click()
    page.locator("#one-click").click()

    expect(page.locator("#outcome")).to_contain_text("was answered 200")
    assert {"List-Unsubscribe": "One-Click"} in [item.form for item in receiver.received]


def test_a_plan_is_made_for_the_mails_that_come(page: Page, emulator):
    page.goto(f"{emulator.url}/mail")

    page.get_by_role("slider", name="Opened").fill("40")

    until(lambda: emulator.control("GET", "/plan")["opened"] == 40)
