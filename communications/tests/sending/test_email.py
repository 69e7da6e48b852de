"""An e-mail from the request to what stands in the mailbox, and back: over the wire, by the provider's and our own events."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.events import look_up
from communications.actions.journal import process_due
from communications.actions.message_request import MessageRequest
from communications.actions.messages import send_message, send_messages
from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchema, SendBatch
from communications.sending import run
from communications.tests.engine_fixtures import fresh, provider
from communications.tests.tracking.mails import version_of
from customers.choices import ConsentPurpose, ConsentStatus, Purpose
from customers.models import Customer
from customers.tests.factories import ConsentEventFactory, CustomerFactory
from interactions.models import Interaction

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

GREETING = {"type": "text", "content": "Hello {{ firstName }}, your {{ product }} is ready."}
BUTTON = {"type": "button", "content": "Book now", "properties": {"url": "https://rapport.test/promo?x=1"}}


@pytest.fixture
def offer(db: None) -> MessageSchema:
    return version_of(GREETING, BUTTON, subject="For {{ firstName }}", purpose=Purpose.MARKETING).message_schema


@pytest.fixture
def notice(db: None) -> MessageSchema:
    return version_of(GREETING, BUTTON, subject="For {{ firstName }}").message_schema


def jane(**values: Any) -> Customer:
    return CustomerFactory(**{"first_name": "Jane", "primary_email": "jane.doe@example.com", **values})


def agreed(customer: Customer) -> Customer:
    ConsentEventFactory(
        channel="email",
        address=customer.primary_email,
        status=ConsentStatus.OPT_IN,
        purpose=ConsentPurpose.MARKETING,
    )
    return customer


def ask(schema: MessageSchema, customer: Customer, **values: Any) -> MessageRequest:
    return MessageRequest(schema=schema, customer=customer, **{"variables": {"product": "furnace"}, **values})


def test_what_is_taken_on_keeps_its_subject_and_no_page(notice: MessageSchema) -> None:
    row = send_message(ask(notice, jane()))

    assert row.content_data == {
        "variables": {"firstName": "Jane", "product": "furnace"},
        "subject": "For Jane",
        "attachments": [],
    }
    assert (row.provider, row.recipient, row.segment_count, row.cost) == (
        "sendgrid",
        "jane.doe@example.com",
        None,
        None,
    )


def test_a_value_that_is_missing_is_refused_by_name(notice: MessageSchema) -> None:
    with pytest.raises(SendRefused) as refusal:
        send_message(ask(notice, jane(), variables={}))

    assert (refusal.value.code, "product" in refusal.value.detail) == ("missing_variable", True)
    assert not MessageData.objects.exists()


def test_a_thousand_share_a_call_and_each_reads_his_own(provider: Emulator, notice: MessageSchema) -> None:
    people = [jane(first_name=f"Jane{n}", primary_email=f"jane{n}@example.com") for n in range(30)]
    rows = send_messages([ask(notice, person) for person in people])

    assert run.send_due("transactional") == 30

    mails = {mail["to"].partition("<")[2].rstrip(">"): mail for mail in provider.mails()}
    assert len(mails) == 30 and len({mail["sid"].rpartition(".")[0] for mail in mails.values()}) == 1
    mail = provider.mail(mails["jane7@example.com"]["sid"])
    assert mail["subject"] == "For Jane7"
    assert "Hello Jane7, your furnace is ready." in mail["html"] and "Hello Jane7" in mail["text"]
    assert mail["headers"]["Message-ID"] == f"<{rows[7].pk}@{rows[7].sender.partition('@')[2]}>"
    assert "List-Unsubscribe" not in mail["headers"]
    found = [fresh(row) for row in rows]
    assert {row.status for row in found} == {"sent"}
    assert Interaction.objects.filter(interaction_type="email", content_summary__startswith="For Jane").count() == 30
    assert set(SendBatch.objects.values_list("state", flat=True)) == {"done"}


def test_marketing_brings_its_way_out(provider: Emulator, offer: MessageSchema) -> None:
    row = send_message(ask(offer, agreed(jane())))
    run.send_due("marketing")

    [mail] = [provider.mail(each["sid"]) for each in provider.mails()]
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"/t/{token_in(mail)}/unsubscribe" in mail["headers"]["List-Unsubscribe"]
    assert f"/t/{token_in(mail)}/c/1" in mail["html"] and "https://rapport.test/promo" not in mail["html"]
    assert f"/t/{token_in(mail)}/unsubscribe" in mail["html"] and "/unsubscribe" in mail["text"]
    [link] = fresh(row).schema_version.links.all()
    assert link.target.startswith("https://rapport.test/promo?x=1&utm_source=")


def token_in(mail: dict[str, Any]) -> str:
    return mail["headers"]["List-Unsubscribe"].partition("/t/")[2].partition("/")[0]


def test_marketing_without_consent_does_not_leave(provider: Emulator, offer: MessageSchema) -> None:
    row = fresh(send_message(ask(offer, jane())))
    run.send_due("marketing")

    row = fresh(row)
    assert (row.status, row.decision_reason) == (MessageStatus.SUPPRESSED, Reason.NO_CONSENT)
    assert provider.mails() == []


def test_a_row_whose_value_went_missing_is_skipped_and_the_others_leave(
    provider: Emulator, notice: MessageSchema
) -> None:
    kept, lost = send_messages([ask(notice, jane()), ask(notice, jane(primary_email="john@example.com"))])
    MessageData.objects.filter(pk=lost.pk).update(content_data={"variables": {"firstName": "John"}})

    assert run.send_due("transactional") == 1

    lost = fresh(lost)
    assert fresh(kept).status == "sent"
    assert (lost.status, lost.decision_reason, lost.decision_detail) == (
        "suppressed",
        "missing_variable",
        "No value for product.",
    )


@pytest.mark.django_db(transaction=True)
def test_what_the_reader_does_comes_back(
    provider: Emulator, settings: Any, live_server: Any, offer: MessageSchema
) -> None:
    """Delivered by the provider's signed events, opened, clicked and left by what the mail itself brought along."""
    settings.PUBLIC_BASE_URL = live_server.url
    provider.callbacks(enabled=True, events_url=f"{live_server.url}/api/webhooks/sendgrid/events", batch_ms=0)
    customer = agreed(jane())
    row = send_message(ask(offer, customer))
    run.send_due("marketing")
    provider.flush()
    [mail] = provider.mails()

    provider.open_mail(mail["sid"])
    provider.unsubscribe(mail["sid"])
    provider.flush()
    process_due()

    row = fresh(row)
    assert (row.status, row.open_count) == ("delivered", 1)
    assert row.sent_ts <= row.delivered_ts <= timezone.now()
    later = send_message(ask(offer, customer))
    run.send_due("marketing")
    assert fresh(later).decision_reason == Reason.OPTED_OUT


def test_mails_to_one_address_are_each_sent(provider: Emulator, notice: MessageSchema) -> None:
    customer = jane()
    rows = send_messages([ask(notice, customer), ask(notice, customer)])

    assert run.send_due("transactional") == 2

    assert len(provider.mails("jane.doe@example.com")) == 2
    assert {fresh(row).status for row in rows} == {"sent"}


@pytest.mark.parametrize(
    ("mode", "status"), [("429", "pending"), ("500", "uncertain"), ("accept_then_drop", "uncertain")]
)
def test_a_call_that_fails_is_written_down_as_what_it_proves(
    provider: Emulator, notice: MessageSchema, mode: str, status: str
) -> None:
    provider.faults(mode)
    rows = send_messages([ask(notice, jane(primary_email=f"jane{n}@example.com")) for n in range(3)])

    run.send_due("transactional")

    assert {fresh(row).status for row in rows} == {status}


def test_a_mail_in_doubt_is_looked_up_and_its_absence_counts_when_the_list_had_time(
    provider: Emulator, notice: MessageSchema, settings: Any
) -> None:
    settings.MAIL_AGAIN_AFTER_SECONDS = 600
    for mode in ("accept_then_drop", "drop_before"):
        provider.faults(mode, times=1)
        send_message(ask(notice, jane(primary_email=f"{mode}@example.com")))
        run.send_due(Purpose.TRANSACTIONAL)
    taken, lost = MessageData.objects.order_by("created_ts")
    assert {taken.status, lost.status} == {MessageStatus.UNCERTAIN}

    assert look_up(MessageData.objects.all()) == 1
    assert fresh(taken).status in (MessageStatus.SENT, MessageStatus.DELIVERED)
    assert fresh(lost).status == MessageStatus.UNCERTAIN

    MessageData.objects.update(decided_ts=timezone.now() - timedelta(seconds=601))
    assert look_up(MessageData.objects.all()) == 1
    assert fresh(lost).status == MessageStatus.PENDING
    assert provider.count()["total"] == 1
