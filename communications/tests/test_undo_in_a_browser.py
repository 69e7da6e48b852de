"""An answer is taken back on the conversation page, as an agent does it."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect, sync_playwright

from config.accounts.tests.factories import UserFactory
from customers.tests.factories import CustomerFactory
from interactions.tests.factories import ConversationFactory, InteractionFactory, MessageFactory, SmsDetailsFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def address(live_server: Any) -> str:
    customer = CustomerFactory(name="John Smith", phone="+14165551234")
    talk = ConversationFactory(customer=customer, last_message_direction="inbound")
    wrote = MessageFactory(interaction=InteractionFactory(conversation=talk), content="When will he come?")
    SmsDetailsFactory(message=wrote, from_number="+14165551234")
    return live_server.url + reverse("admin:interactions_conversation_change", args=[talk.pk])


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """Signed in, on the conversation's page."""
    client = Client()
    client.force_login(UserFactory(name="Emily Thompson", is_superuser=True, is_staff=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "domain": "localhost", "path": "/"}
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(address)
        yield page
        browser.close()


def test_an_answer_is_taken_back_and_written_anew(page: Page) -> None:
    box = page.get_by_label("Reply to John Smith")
    box.fill("Robert comes at two.")
    box.press("Control+Enter")
    expect(page.locator(".rp-outbound .rp-text")).to_have_text("Robert comes at two.")
    expect(box).to_have_value("")

    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    box.fill("And he rings.")
    undo.click()

    expect(box).to_have_value("Robert comes at two.\n\nAnd he rings.")
    expect(page.get_by_text("Taken back, never sent")).to_be_visible()
    expect(undo).to_have_count(0)
