"""Wanting no more: looking changes nothing, one POST is enough, and what was said is obeyed."""

from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from communications.actions.journal import process_due
from communications.choices import DecisionKind, EventKind, MessageStatus, Reason
from communications.models import DeliveryEvent, MessageData, WebhookDelivery
from communications.sending.decide import decide
from communications.sending.facts import load_facts
from communications.tests.engine_fixtures import at_once, fresh
from communications.tests.tracking.mails import mailed
from communications.tracking.tokens import token_for
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import Channel, ConsentPurpose, ConsentSource, ConsentStatus, Purpose
from customers.consent import allowed
from customers.models import ConsentEvent, Suppression

pytestmark = pytest.mark.django_db
JANE = "jane.doe@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def message() -> MessageData:
    """Marketing to Jane, who had agreed to it."""
    say(ConsentStatus.OPT_IN, reference="form:1")
    return mailed()


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def say(status: ConsentStatus, purpose: str = ConsentPurpose.MARKETING, **values: Any) -> None:
    said = {"channel": Channel.EMAIL, "address": JANE, "source": ConsentSource.WEB, **values}
    record_consent(ConsentStatement(status=status, purpose=ConsentPurpose(purpose), **said))


def path(message: MessageData) -> str:
    return f"/t/{token_for(message.pk)}/unsubscribe"


def gets(purpose: str = Purpose.MARKETING) -> bool:
    return allowed(Channel.EMAIL, JANE, purpose).allowed


def press(visitor: Client, message: MessageData, choice: str) -> HttpResponse:
    """A button of the page, and the page that comes of it."""
    response = visitor.post(path(message), {"choice": choice})
    assert (response.status_code, response["Location"]) == (303, path(message))
    return visitor.get(response["Location"])


def test_the_page_shows_whose_mail_it_is_about_and_changes_nothing(visitor: Client, message: MessageData) -> None:
    response = visitor.get(path(message))

    page = response.content.decode()
    assert "<strong>j***@example.com</strong>" in page and JANE not in page and "Huron Home" in page
    assert 'value="promotions" checked' in page and 'value="everything"' in page
    assert gets() and not WebhookDelivery.objects.exists()


def test_the_page_needs_no_script_no_cookie_and_trusts_nobody(visitor: Client, message: MessageData) -> None:
    response = visitor.get(path(message))

    assert response["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self'; ")
    assert "unsafe" not in response["Content-Security-Policy"]
    assert (response["Referrer-Policy"], response["X-Frame-Options"]) == ("no-referrer", "DENY")
    assert (response["Cache-Control"], response["X-Robots-Tag"]) == ("no-store, private", "noindex, nofollow")
    assert not response.cookies and b"<script" not in response.content and b"style=" not in response.content


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_ends_marketing_without_a_question(visitor: Client, message: MessageData, multipart: bool) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    body: Any = ONE_CLICK if multipart else "List-Unsubscribe=One-Click"

    response = visitor.post(path(message), body, **({} if multipart else form), headers={"User-Agent": "Gmail"})

    assert (response.status_code, response.content) == (200, b"Unsubscribed.")
    event = ConsentEvent.objects.get(status="opt_out")
    assert (event.channel, event.address, event.purpose, event.source) == ("email", JANE, "marketing", "one_click")
    assert (event.wording, event.customer) == ("List-Unsubscribe=One-Click", message.customer)
    assert (event.ip_address, event.evidence) == ("127.0.0.1", {"User-Agent": "Gmail"})
    assert event.reference.startswith(f"link:{message.pk}:")
    assert not gets() and gets(Purpose.TRANSACTIONAL)


def test_a_repeated_one_click_answers_the_same_and_adds_nothing(visitor: Client, message: MessageData) -> None:
    answers = {visitor.post(path(message), ONE_CLICK).content for _ in range(3)}

    assert answers == {b"Unsubscribed."}
    assert ConsentEvent.objects.filter(status="opt_out").count() == 1
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", [ONE_CLICK, {"choice": "promotions"}, {"choice": "everything"}])
def test_eight_at_once_are_one_opt_out(message: MessageData, form: dict[str, str]) -> None:
    responses = at_once(*(partial(Client().post, path(message), form) for _ in range(8)))

    assert {response.status_code for response in responses} <= {200, 303}
    assert ConsentEvent.objects.filter(status="opt_out").count() == 1
    assert WebhookDelivery.objects.count() == 1


def test_only_promotions_may_be_ended_by_the_page(visitor: Client, message: MessageData) -> None:
    page = press(visitor, message, "promotions").content.decode()

    assert "receives no more promotions from Huron Home" in page and "Subscribe again" in page
    event = ConsentEvent.objects.get(status="opt_out")
    assert (event.purpose, event.source) == ("marketing", "web")
    assert event.wording == (
        "Unsubscribe: Only promotions. No more offers and news. Messages about your own orders and appointments still come."
    )
    assert not gets() and gets(Purpose.TRANSACTIONAL)


def test_everything_may_be_ended_by_the_page(visitor: Client, message: MessageData) -> None:
    page = press(visitor, message, "everything").content.decode()

    assert "receives nothing more from Huron Home" in page and "Subscribe again" in page
    assert not gets() and not gets(Purpose.TRANSACTIONAL)
    assert Suppression.objects.in_force().get().address == JANE


@pytest.mark.parametrize("choice", ["promotions", "everything"])
def test_a_change_of_mind_is_taken_back_and_may_change_again(
    visitor: Client, message: MessageData, choice: str
) -> None:
    for _ in range(3):
        press(visitor, message, choice)
        assert not gets()
        page = press(visitor, message, "undo")
        assert gets() and gets(Purpose.TRANSACTIONAL)
        assert b'value="promotions" checked' in page.content

    assert ConsentEvent.objects.count() == 7
    assert not Suppression.objects.in_force().exists()


def test_both_may_be_ended_one_after_the_other_and_taken_back_so(visitor: Client, message: MessageData) -> None:
    press(visitor, message, "promotions")
    press(visitor, message, "everything")

    press(visitor, message, "undo")
    assert (gets(), gets(Purpose.TRANSACTIONAL)) == (False, True)
    press(visitor, message, "undo")
    assert gets()


def test_undo_gives_no_consent_that_never_was(visitor: Client) -> None:
    receipt = mailed(purpose=Purpose.TRANSACTIONAL)

    press(visitor, receipt, "undo")
    press(visitor, receipt, "everything")
    press(visitor, receipt, "undo")

    assert (gets(), gets(Purpose.TRANSACTIONAL)) == (False, True)


@pytest.mark.parametrize("purpose", ["marketing", "all"])
def test_a_link_takes_back_no_stop_that_was_said_elsewhere(visitor: Client, message: MessageData, purpose: str) -> None:
    say(ConsentStatus.OPT_OUT, purpose, reference="call:1", source=ConsentSource.STAFF)

    page = press(visitor, message, "undo").content.decode()

    assert not gets()
    assert "Subscribe again" not in page and "please write to us" in page


def test_a_link_of_a_year_ago_still_ends_what_was_agreed_to_since(visitor: Client, message: MessageData) -> None:
    visitor.post(path(message), ONE_CLICK)
    say(ConsentStatus.OPT_IN, reference="form:2")

    visitor.post(path(message), ONE_CLICK)

    assert not gets()


def test_the_address_is_the_messages_own_whatever_the_customer_has_now(visitor: Client, message: MessageData) -> None:
    customer = message.customer
    assert customer is not None
    customer.primary_email = "new@example.com"
    customer.save()

    visitor.post(path(message), ONE_CLICK)

    assert ConsentEvent.objects.get(status="opt_out").address == JANE


def test_an_sms_is_left_by_its_number(visitor: Client) -> None:
    sms = mailed(message_delivery_method="SMS", recipient="+14165551234", provider="twilio")

    assert "***1234" in visitor.get(path(sms)).content.decode()
    visitor.post(path(sms), ONE_CLICK)

    assert not allowed(Channel.SMS, "+14165551234", Purpose.MARKETING).allowed
    assert ConsentEvent.objects.get().channel == "sms"


@pytest.mark.parametrize(
    ("language", "word"),
    [("fr-CA", "Se désabonner"), ("es", "Darse de baja"), ("de", "Abmelden"), ("xx", "Unsubscribe")],
)
def test_the_page_speaks_the_messages_language_and_keeps_its_words(visitor: Client, language: str, word: str) -> None:
    message = mailed(language=language)

    assert f"<h1>{word}</h1>" in visitor.get(path(message)).content.decode()
    press(visitor, message, "promotions")

    assert ConsentEvent.objects.get().wording.startswith(f"{word}: ")


@pytest.mark.parametrize(
    "form", [{}, {"choice": ""}, {"choice": "all"}, {"List-Unsubscribe": "one-click"}, {"x": "y"}, {"choice": "\x00"}]
)
def test_a_post_that_says_nothing_changes_nothing_and_shows_the_page(
    visitor: Client, message: MessageData, form: dict[str, str]
) -> None:
    response = visitor.post(path(message), form)

    assert response.status_code == 400 and b'value="promotions" checked' in response.content
    assert gets() and not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"List-Unsubscribe=One-Click", "multipart/form-data"),
        (b"List-Unsubscribe=One-Click", "multipart/form-data; boundary=\x00"),
        (b"\xff\xfe=\x00", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"&" * 5_000, "application/x-www-form-urlencoded"),
        (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
        (b"List-Unsubscribe=One-Click" + b"x" * 3_000_000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_broken_post_is_refused_and_changes_nothing(
    visitor: Client, message: MessageData, body: bytes, content_type: str
) -> None:
    response = visitor.generic("POST", path(message), body, content_type=content_type)

    assert response.status_code in (400, 413)
    assert gets()


def test_a_file_in_the_post_is_no_trouble(visitor: Client, message: MessageData) -> None:
    visitor.post(path(message), {**ONE_CLICK, "file": SimpleUploadedFile("a.txt", b"a")})

    assert not gets()


def test_what_the_message_led_to_is_told_with_its_events(visitor: Client, message: MessageData) -> None:
    visitor.post(path(message), ONE_CLICK)
    process_due()

    assert DeliveryEvent.objects.get(message_data=message).kind == EventKind.UNSUBSCRIBED
    assert fresh(message).status == MessageStatus.DELIVERED


def test_the_next_campaign_skips_whoever_left_by_a_link(visitor: Client, message: MessageData) -> None:
    queued = mailed(status=MessageStatus.PENDING, sent_ts=None)

    def decision() -> Any:
        facts = load_facts([queued], channel=Channel.EMAIL, at=timezone.now())[queued.pk]
        return decide(facts, purpose=Purpose(queued.purpose), at=timezone.now())

    before = decision()
    visitor.post(path(message), ONE_CLICK)

    assert before.kind is DecisionKind.SEND
    assert (decision().kind, decision().reason) == (DecisionKind.SKIP, Reason.OPTED_OUT)


@pytest.mark.parametrize("choice", ["promotions", "everything"])
def test_the_event_of_our_own_page_adds_no_opt_out_of_its_own(
    visitor: Client, message: MessageData, choice: str
) -> None:
    press(visitor, message, choice)
    process_due()

    assert DeliveryEvent.objects.get().kind == EventKind.UNSUBSCRIBED
    assert ConsentEvent.objects.filter(status="opt_out").count() == 1
    press(visitor, message, "undo")
    assert gets()
