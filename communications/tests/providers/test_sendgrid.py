import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from uuid_utils.compat import uuid7

from communications.actions.journal import process_due
from communications.choices import EventKind, MessageStatus
from communications.emulator.sendgrid import signing
from communications.emulator.testing import Emulator, running_emulator
from communications.models import WebhookDelivery
from communications.providers import loop
from communications.providers.base import OutboundMessage, Outcome, Provider, SendResult
from communications.providers.http import call_until
from communications.providers.mail import storable, whole
from communications.providers.sendgrid import SendGrid
from communications.tests.engine_fixtures import fresh, provider, waiting
from communications.tests.providers.contracts import LookupContract, Post
from communications.tests.providers.mails import mail, mails, read, slots, template
from communications.tests.providers.proxy import Odd, odd_proxy

__all__ = ["provider"]

EVENTS_PATH = "/api/webhooks/sendgrid/events"
EVENTS_URL = f"https://rapport.test{EVENTS_PATH}"
WORDS = {EventKind.QUEUED: "processed", EventKind.DEFERRED: "deferred", EventKind.DELIVERED: "delivered"}


def signed(elements: Any, *, owner: str = signing.OWN, at: float | None = None) -> Post:
    body = json.dumps(elements).encode()
    headers = signing.headers(body, at=int(time.time() if at is None else at), owner=owner)
    return Post(url=EVENTS_URL, body=body, headers=headers, content_type="application/json")


class TestSendGrid(LookupContract):
    provider_name: ClassVar = "sendgrid"
    order_matters: ClassVar = True
    signs_address: ClassVar = False
    kinds: ClassVar = (EventKind.QUEUED, EventKind.DEFERRED, EventKind.DELIVERED)
    fails_alone: ClassVar = {"400": Outcome.REJECTED}
    template: ClassVar = template()

    def address(self, number: int) -> str:
        return f"person{number}@example.com"

    def outbound(self, **values: Any) -> OutboundMessage:
        return mail(self.template, slots(), **{"recipient": self.address(1), **values})

    def event(self, reference: UUID, kind: EventKind) -> Post:
        ids = {"sg_event_id": f"{WORDS[kind]}-{reference}", "sg_message_id": "aBcDeFgHiJkLmNoPqRsTuV.recvd-1-2.0"}
        return signed([{"event": WORDS[kind], "timestamp": 1763233200, "m": str(reference), **ids}])

    def reordered(self, post: Post) -> Post:
        [element] = json.loads(post.body)
        return replace(post, body=json.dumps([dict(reversed(element.items()))]).encode())

    def unsigned(self, post: Post) -> Post:
        return replace(post, headers={})

    def wrongly_signed(self, post: Post) -> Post:
        return signed(json.loads(post.body), owner=signing.FORGER)

    def unreachable(self, settings: Any) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            settings.SENDGRID_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def it() -> SendGrid:
    return SendGrid()


def send(it: Provider, *messages: OutboundMessage) -> list[SendResult]:
    return TestSendGrid().send(it, *messages)


def outcomes(results: list[SendResult]) -> list[Outcome]:
    return [result.outcome for result in results]


# --- sending


def test_everybody_gets_the_mail_that_was_written_for_them(it: Provider, provider: Emulator) -> None:
    names = ["John", "Jane O'Brien", "Émilie", "-s0-", "{{firstName}}", "€" * 3_000]
    batch = mails(template(), [slots(name) for name in names])

    results = send(it, *batch)

    calls = {call["message_id"]: call for call in provider.ledger("call")}
    entries = {entry["reference"]: entry for entry in provider.ledger("accepted")}
    for message, result in zip(batch, results, strict=True):
        entry = entries[str(message.reference)]
        assert message.template and message.slots
        assert read(calls[entry["message_id"]], entry["person"]) == whole(message.template, message.slots)
        assert (entry["to"], result.provider_message_id) == (message.recipient, entry["message_id"])
    assert len(calls) == 2
    assert not any(call["open_tracking"] or call["click_tracking"] for call in calls.values())


def test_a_thousand_persons_are_one_call(it: Provider, provider: Emulator) -> None:
    results = send(it, *mails(template(), [slots(f"Person {n}") for n in range(1_000)]))

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert [call["people"] for call in provider.ledger("call")] == [1_000]


def test_those_to_blame_fail_alone_and_everybody_else_gets_the_mail_once(it: Provider, provider: Emulator) -> None:
    batch = mails(template(), [slots(f"Person {n}") for n in range(100)])
    for bad in (0, 41, 42, 99):
        batch[bad] = replace(batch[bad], recipient="nobody")

    results = send(it, *batch)

    assert [n for n, result in enumerate(results) if result.outcome is Outcome.REJECTED] == [0, 41, 42, 99]
    assert {result.detail for result in results} == {"", "Does not contain a valid address."}
    assert (provider.count()["total"], provider.duplicates()) == (96, [])


def test_what_all_share_is_refused_for_all_by_one_answer(it: Provider, provider: Emulator) -> None:
    shared = template()

    results = send(it, *(mail(shared, slots(), recipient=f"p{n}@example.com", sender="nobody") for n in range(50)))

    assert {(result.outcome, result.error_code) for result in results} == {(Outcome.REJECTED, "400")}
    assert len(provider.ledger("refused")) == 1


def test_the_same_address_twice_gets_both_mails(it: Provider, provider: Emulator) -> None:
    shared = template()

    results = send(it, mail(shared, slots("John")), mail(shared, slots("Johnny")))

    assert outcomes(results) == [Outcome.ACCEPTED] * 2
    assert [call["people"] for call in provider.ledger("call")] == [1, 1]


def test_doubt_about_a_call_is_doubt_about_everybody_in_it(it: Provider, provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=1)

    results = send(it, *mails(template(), [slots()] * 3))

    assert outcomes(results) == [Outcome.UNCERTAIN] * 3
    assert provider.count()["total"] == 3


def test_after_a_half_was_taken_the_doubt_about_the_other_is_its_own(it: Provider, provider: Emulator) -> None:
    provider.faults("400", times=1)
    provider.faults("500", times=1, match={"to": "^p3@example.com$"})

    results = send(it, *mails(template(), [slots()] * 4))

    assert outcomes(results) == [Outcome.ACCEPTED] * 2 + [Outcome.UNCERTAIN] * 2


def test_a_row_that_is_refused_here_does_not_hold_up_the_others(it: Provider, provider: Emulator) -> None:
    bare = replace(mail(template(), slots()), template=None)

    results = send(it, mail(template(), slots()), bare)

    assert outcomes(results) == [Outcome.ACCEPTED, Outcome.REJECTED]


def test_no_call_begins_when_the_lease_would_not_outlive_it(it: Provider, provider: Emulator) -> None:
    token = call_until.set(0.0)
    try:
        results = send(it, *mails(template(), [slots()] * 2))
    finally:
        call_until.reset(token)

    assert {(result.outcome, result.error_code) for result in results} == {(Outcome.RETRY, "not_sent")}
    assert provider.count()["total"] == 0


ODD_ANSWERS: list[tuple[int, dict[str, str], Any, Outcome, float | None]] = [
    (202, {}, {}, Outcome.UNCERTAIN, None),
    (200, {"X-Message-Id": "abc"}, {}, Outcome.UNCERTAIN, None),
    (307, {"Location": "/elsewhere"}, {}, Outcome.UNCERTAIN, None),
    (400, {}, {"errors": "all of it"}, Outcome.REJECTED, None),
    (400, {}, {"errors": [17, {"message": ["\x00"]}]}, Outcome.REJECTED, None),
    (400, {}, {"errors": [{"message": "a\x00\ud800" * 400}] * 9}, Outcome.REJECTED, None),
    (401, {}, {"errors": [{"message": "Maximum credits exceeded"}]}, Outcome.DOWN, None),
    (404, {}, {}, Outcome.DOWN, None),
    (408, {}, {}, Outcome.RETRY, None),
    (413, {}, {}, Outcome.REJECTED, None),
    (429, {"Retry-After": "inf"}, {}, Outcome.RETRY, 86_400.0),
    (429, {"X-RateLimit-Reset": "1"}, {}, Outcome.RETRY, 0.0),
    (429, {"X-RateLimit-Reset": "99999999999"}, {}, Outcome.RETRY, 86_400.0),
    (429, {"X-RateLimit-Reset": "soon"}, {}, Outcome.RETRY, None),
    (502, {}, {}, Outcome.UNCERTAIN, None),
]


@pytest.mark.parametrize(("status", "headers", "body", "outcome", "retry_after"), ODD_ANSWERS)
def test_an_odd_answer_does_no_harm(
    it: Provider, settings: Any, status: int, headers: Any, body: Any, outcome: Outcome, retry_after: float | None
) -> None:
    Odd.answer = (status, headers, body)
    Odd.asked.clear()
    with odd_proxy() as url:
        settings.SENDGRID_BASE_URL = url
        [result] = send(it, mail(template(), slots()))

    assert (result.outcome, result.retry_after) == (outcome, retry_after)
    assert Odd.asked == ["/v3/mail/send"]
    assert len(result.detail) <= 500
    assert storable(result.detail, 500) == result.detail


def test_the_quota_s_next_beginning_is_waited_for(it: Provider, settings: Any) -> None:
    Odd.answer = (429, {"X-RateLimit-Reset": str(int(time.time()) + 30)}, {})
    with odd_proxy() as url:
        settings.SENDGRID_BASE_URL = url
        [result] = send(it, mail(template(), slots()))

    assert result.throttled
    assert result.retry_after is not None
    assert 25 < result.retry_after <= 30


# --- the webhook


@pytest.mark.django_db
def test_what_sendgrid_signed_is_kept_and_what_nobody_signed_leaves_no_row(client: Client) -> None:
    post = TestSendGrid().event(uuid7(), EventKind.DELIVERED)

    refused = client.post(EVENTS_PATH, post.body, content_type=post.content_type)
    taken = client.post(EVENTS_PATH, post.body, content_type=post.content_type, headers=post.headers)

    assert (refused.status_code, taken.status_code) == (403, 200)
    row = WebhookDelivery.objects.get()
    assert (row.provider, row.endpoint, bytes(row.body)) == ("sendgrid", "events", post.body)
    assert row.headers[signing.TIMESTAMP] == post.headers[signing.TIMESTAMP]


FATES = [
    ("john@example.com", MessageStatus.DELIVERED, ""),
    ("john+open@example.com", MessageStatus.DELIVERED, ""),  # its own tracking is off, so it tells of no opening
    ("john+spam@example.com", MessageStatus.DELIVERED, ""),
    ("john+deferred@example.com", MessageStatus.DELIVERED, ""),
    ("john+silent@example.com", MessageStatus.SENT, ""),
    ("john+bounce@example.com", MessageStatus.BOUNCED, "5.1.1"),
    ("john+blocked@example.com", MessageStatus.FAILED, "5.7.1"),
    ("john+dropped@example.com", MessageStatus.FAILED, "5.0.0"),
]


@pytest.mark.django_db(transaction=True)
def test_what_becomes_of_a_mail_is_what_its_row_says(
    it: Provider, settings: Any, tmp_path: Path, live_server: LiveServer
) -> None:
    rows = waiting(len(FATES), provider="sendgrid", channel="email", message_delivery_method="EMAIL")
    shared = template()
    with running_emulator(tmp_path, EMULATOR_SENDGRID_EVENTS_URL=f"{live_server.url}{EVENTS_PATH}") as emulator:
        settings.SENDGRID_BASE_URL = emulator.url
        fated = zip(rows, FATES, strict=True)
        results = send(it, *(mail(shared, slots(), reference=row.pk, recipient=fate[0]) for row, fate in fated))
        told = emulator.flush()
    loop.close()

    process_due()

    assert told["failed"] == 0
    assert [(now.status, now.error_code) for now in map(fresh, rows)] == [fate[1:] for fate in FATES]
    assert {fresh(row).provider_message_id for row in rows} == {results[0].provider_message_id}
    assert not any(fresh(row).possible_duplicate for row in rows)


def test_many_doubts_are_one_question_and_no_address_is_in_it_twice(it: Provider, provider: Emulator) -> None:
    shared = template()
    twice = [mail(shared, slots(), recipient="John@Example.com") for _ in range(2)]
    others = [mail(shared, slots(), recipient=f"person{number}@example.com") for number in range(60)]
    loop.run(it.send([*twice[:1], *others[:50]]))

    receipts = {receipt.reference: receipt for receipt in loop.run(it.lookup([*twice, *others]))}

    taken = {message.reference for message in (*twice[:1], *others[:50])}
    assert len(receipts) == 62
    assert {each for each in receipts if receipts[each].kind is not EventKind.NOT_FOUND} == taken


def test_what_became_of_a_mail_is_told_by_the_list_too(it: Provider, provider: Emulator) -> None:
    shared = template()
    sent = [mail(shared, slots(), recipient=f"john+{fate}@example.com") for fate in ("silent", "bounce", "open")]
    provider.callbacks(delays_ms={"processed": 0, "delivered": 0, "open": 0})
    results = loop.run(it.send(sent))

    receipts = loop.run(it.lookup(sent))

    assert [receipt.kind for receipt in receipts] == [EventKind.QUEUED, EventKind.UNDELIVERED, EventKind.DELIVERED]
    assert [receipt.provider_message_id for receipt in receipts] == [result.provider_message_id for result in results]


def test_an_account_without_email_activity_is_not_asked(settings: Any) -> None:
    settings.SENDGRID_ACTIVITY = False

    assert not SendGrid().capabilities.lookup
