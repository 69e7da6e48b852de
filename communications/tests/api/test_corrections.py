"""Cancelling and sending again by program: in time, too late, twice, and by whom."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from communications.models import MessageData, SendBatch
from communications.tests.api.conftest import MESSAGES, Send
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of


def cancel_of(address: str) -> str:
    return f"{address}/cancel"


@pytest.fixture
def sent(send: Send, body: dict[str, Any]) -> str:
    """The address of a message that waits."""
    return send(body).headers["Location"]


def test_what_has_not_left_is_cancelled_and_a_repeat_says_the_same(client: APIClient, sent: str) -> None:
    first, again = client.post(cancel_of(sent)), client.post(cancel_of(sent))

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["decision"]["reason"]) == ("cancelled", "cancelled")
    assert again.json()["status"] == "cancelled"


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "suppressed", "uncertain"])
def test_what_has_left_cannot_be_cancelled(client: APIClient, sent: str, status: str) -> None:
    MessageData.objects.update(status=status, sent_ts=timezone.now(), decision_reason="no_answer")

    refused = client.post(cancel_of(sent))

    assert refused.status_code == 409
    assert errors_of(refused) == {("too_late", None)}


def test_the_window_of_the_api_is_a_setting(send: Send, body: dict[str, Any], settings: Any) -> None:
    settings.UNDO_SECONDS_API = 30
    before = timezone.now()

    send(body)

    assert 30 <= (SendBatch.objects.get().due_at - before).total_seconds() < 60


def test_cancelling_needs_what_sending_needs(website: User, sent: str) -> None:
    reader = client_of(website, scopes=("message-data:read",))
    stranger = client_of(UserFactory(), scopes=("*",))

    assert (reader.post(cancel_of(sent)).status_code, stranger.post(cancel_of(sent)).status_code) == (403, 403)
    assert MessageData.objects.get().status == "pending"


@pytest.mark.parametrize("pk", ["00000000-0000-4000-8000-000000000000", "42"])
def test_an_unknown_message_is_not_found(client: APIClient, pk: str) -> None:
    assert errors_of(client.post(f"{MESSAGES}/{pk}/cancel")) == {("not_found", None)}


# --- sending again ---------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(sent: str) -> str:
    MessageData.objects.update(status="failed", decision_reason="undelivered", failed_ts=timezone.now())
    return sent


def test_what_did_not_arrive_is_sent_again_as_a_new_message(client: APIClient, website: User, failed: str) -> None:
    again = client.post(f"{failed}/retry")

    said = again.json()
    assert again.status_code == 201
    assert (said["resend_of"], said["status"]) == (failed.rpartition("/")[2], "pending")
    assert again.headers["Location"] == f"{MESSAGES}/{said['id']}"
    assert client.get(again.headers["Location"]).json() == said
    assert MessageData.objects.get(pk=said["id"]).created_by == website


def test_a_repeat_with_the_same_key_sends_nothing_and_one_without_is_told(client: APIClient, failed: str) -> None:
    key = {"Idempotency-Key": "again"}

    first, repeat = client.post(f"{failed}/retry", headers=key), client.post(f"{failed}/retry", headers=key)
    other = client.post(f"{failed}/retry")

    assert (first.status_code, repeat.status_code, other.status_code) == (201, 201, 409)
    assert repeat.content == first.content and repeat.headers["Idempotent-Replayed"] == "true"
    assert errors_of(other) == {("already_resent", None)}
    assert MessageData.objects.count() == 2


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        ("pending", "", "not_resendable"),
        ("delivered", "", "not_resendable"),
        ("uncertain", "no_answer", "in_doubt"),
        ("cancelled", "withdrawn", "withdrawn"),
        ("suppressed", "missing_variable", "unsendable"),
    ],
)
def test_what_may_not_be_sent_again_is_told_why(
    client: APIClient, sent: str, status: str, reason: str, code: str
) -> None:
    MessageData.objects.update(status=status, decision_reason=reason, sent_ts=timezone.now())

    refused = client.post(f"{sent}/retry", headers={"Idempotency-Key": "again"})

    assert refused.status_code == 409
    assert errors_of(refused) == {(code, None)}
    assert MessageData.objects.count() == 1


def test_sending_again_needs_what_sending_needs(website: User, failed: str) -> None:
    reader = client_of(website, scopes=("message-data:read",))
    stranger = client_of(UserFactory(), scopes=("*",))

    assert (reader.post(f"{failed}/retry").status_code, stranger.post(f"{failed}/retry").status_code) == (403, 403)


@pytest.mark.parametrize("pk", ["00000000-0000-4000-8000-000000000000", "42"])
def test_an_unknown_message_is_not_sent_again(client: APIClient, pk: str) -> None:
    assert errors_of(client.post(f"{MESSAGES}/{pk}/retry")) == {("not_found", None)}
