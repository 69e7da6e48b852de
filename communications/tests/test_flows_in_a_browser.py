"""What staff come for, done in a browser from its beginning to its end."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from communications.choices import DecisionKind, MessageStatus, Reason
from communications.models import MessageData, MessageSchema, WebhookDelivery
from communications.tests.browsing import Desk, staff_at
from communications.tests.factories import MessageDataFactory, WebhookDeliveryFactory
from communications.tests.test_template_pages import saved, url
from config.tests.back_office import add_url, list_url
from customers.models import Customer
from customers.tests.factories import CustomerFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The browser's driver has a loop in this thread, which waits while a test asks the database."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with staff_at(live_server) as desk:
        yield desk
        connections.close_all()  # those of that loop
        assert desk.problems == []


@pytest.fixture
def page(desk: Desk) -> Page:
    return desk.page()


def test_a_template_with_an_error_is_made_and_mended(desk: Desk, page: Page) -> None:
    desk.open(page, add_url(MessageSchema))
    page.locator("#id_name").fill("Reminder")
    page.locator("#id_message").fill("Hi {{ firstName, see you.")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(".errorlist, .text-red-600, [data-error]").first).to_be_visible()
    assert not MessageSchema.objects.exists()
    expect(page.locator("#id_name")).to_have_value("Reminder")
    page.locator("#id_message").fill("Hi {{ firstName }}, see you.")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert MessageSchema.objects.get().versions.get().template_schema["message"] == "Hi {{ firstName }}, see you."


def test_a_template_is_looked_at_as_a_customer_and_sent_as_a_test(desk: Desk, page: Page) -> None:
    schema = saved(template_schema={"message": "Hi {{ firstName }}, see you soon."})
    CustomerFactory(first_name="Jane", last_name="Doe", name="Jane Doe")
    desk.open(page, url("preview", schema))
    expect(page.get_by_text("Hi John, see you soon.")).to_be_visible()

    page.get_by_role("combobox", name="Customer").click()
    page.locator(".select2-search__field").fill("Jane")
    page.get_by_role("option", name="Jane Doe").click()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Hi Jane, see you soon.")).to_be_visible()

    page.get_by_label("To", exact=True).fill("+1 519 555 0142")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("On its way to +15195550142.")).to_be_visible()
    expect(page.get_by_text("Hi Jane, see you soon.")).to_be_visible()
    assert MessageData.objects.get().content_data["finalMessage"] == "Hi Jane, see you soon."


def test_why_a_customer_did_not_get_a_message_is_found_out(desk: Desk, page: Page) -> None:
    jane = CustomerFactory(first_name="Jane", last_name="Doe", name="Jane Doe")
    row = MessageDataFactory(
        customer=jane,
        status=MessageStatus.SUPPRESSED,
        decision=DecisionKind.SKIP,
        decision_reason=Reason.OPTED_OUT,
        decision_detail="STOP by SMS on 3 March.",
        decided_ts=timezone.now(),
    )
    MessageDataFactory()
    desk.open(page, list_url(Customer))
    page.locator("#searchbar").fill("Jane")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Jane Doe").first.click()
    page.get_by_role("link", name="Messages", exact=True).last.click()
    page.get_by_role("link", name=row.message_number).click()

    expect(page.get_by_text("Skip: The person opted out")).to_be_visible()
    expect(page.get_by_text("STOP by SMS on 3 March.").first).to_be_visible()


def test_a_quarantined_webhook_is_found_and_replayed(desk: Desk, page: Page) -> None:
    delivery = WebhookDeliveryFactory(state=WebhookDelivery.State.QUARANTINED, reason="Sender +1 is no phone number.")
    WebhookDeliveryFactory(state=WebhookDelivery.State.DONE, processed_at=timezone.now())
    desk.open(page, reverse("admin:index"))
    page.get_by_role("link", name="Quarantined").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#result_list th a").first.click()
    expect(page.get_by_text("Sender +1 is no phone number.")).to_be_visible()
    page.get_by_role("button", name="Replay").click()

    expect(page.get_by_text("To be processed again: 1.")).to_be_visible()
    delivery.refresh_from_db()
    assert delivery.state == WebhookDelivery.State.RECEIVED


def test_all_that_match_are_exported_and_the_progress_is_shown(desk: Desk, page: Page) -> None:
    from config.jobs.actions import run_jobs

    MessageDataFactory.create_batch(60)
    desk.open(page, list_url(MessageData))
    page.locator("#action-toggle").check()
    page.get_by_role("link", name="Select all 60").click()
    page.locator("select[name=action]").select_option("export_csv")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Waiting").first).to_be_visible()

    run_jobs(seconds=30)

    expect(page.get_by_text("60 of 60 rows dealt with")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    assert download.value.path().read_text().count("MSG-2025-") == 60
