from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from communications.api import views
from communications.models import IdempotencyKey, MessageData, SendBatch
from communications.tests.api.conftest import MESSAGES, Send
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of


def test_a_repeat_gets_the_same_answer_byte_for_byte_and_sends_nothing(send: Send, body: dict[str, Any]) -> None:
    first = send(body, idempotency_key="order-42")
    again = send(body, idempotency_key="order-42")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert MessageData.objects.count() == 1


def test_a_repeat_is_answered_from_what_was_stored_even_if_the_message_went_on(
    send: Send, body: dict[str, Any]
) -> None:
    first = send(body, idempotency_key="order-42")
    MessageData.objects.update(status="sent", sent_ts=timezone.now())

    assert send(body, idempotency_key="order-42").json() == first.json()


def test_spacing_and_order_of_the_body_make_no_other_request(client: APIClient, body: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "order-42"}
    reordered = dict(reversed(body.items()))

    first = client.post(MESSAGES, body, headers=key)
    again = client.post(f"{MESSAGES}/", reordered, headers=key)

    assert again.content == first.content


def test_another_body_under_the_same_key_is_refused(send: Send, body: dict[str, Any]) -> None:
    send(body, idempotency_key="order-42")

    response = send({**body, "recipient": "+14165551299"}, idempotency_key="order-42")

    assert response.status_code == 422
    assert errors_of(response) == {("idempotency_key_reused", None)}
    assert MessageData.objects.count() == 1


def test_another_key_is_another_message(send: Send, body: dict[str, Any]) -> None:
    send(body, idempotency_key="one")
    send(body, idempotency_key="two")

    assert MessageData.objects.count() == 2


def test_keys_belong_to_their_user(send: Send, body: dict[str, Any]) -> None:
    other = client_of(UserFactory(is_superuser=True), scopes=("*",))

    send(body, idempotency_key="order-42")
    response = other.post(MESSAGES, body, headers={"Idempotency-Key": "order-42"})

    assert response.status_code == 201
    assert MessageData.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "tab\there"])
def test_a_malformed_key_is_refused(send: Send, body: dict[str, Any], key: str) -> None:
    response = send(body, idempotency_key=key)

    assert response.status_code == 400
    assert errors_of(response) == {("invalid_idempotency_key", "Idempotency-Key")}
    assert not MessageData.objects.exists()


def test_a_key_of_255_characters_is_good(send: Send, body: dict[str, Any]) -> None:
    assert send(body, idempotency_key="x" * 255).status_code == 201


def test_a_refused_request_may_be_mended_under_its_key(send: Send, body: dict[str, Any]) -> None:
    refused = send({**body, "recipient": "+1416555"}, idempotency_key="order-42")
    mended = send(body, idempotency_key="order-42")

    assert (refused.status_code, mended.status_code) == (400, 201)
    assert MessageData.objects.count() == 1


def test_after_a_day_a_key_is_new_again(send: Send, body: dict[str, Any]) -> None:
    send(body, idempotency_key="order-42")
    IdempotencyKey.objects.update(created_ts=timezone.now() - timedelta(hours=24, seconds=1))

    response = send({**body, "recipient": "+14165551299"}, idempotency_key="order-42")

    assert response.status_code == 201
    assert MessageData.objects.count() == 2
    assert send(body, idempotency_key="order-42").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_a_repeat_while_the_first_still_runs_is_told_to_wait(
    send: Send, body: dict[str, Any], website: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Response] = []

    def slow(*args: Any, **kwargs: Any) -> MessageData:
        monkeypatch.setattr(views, "send_message", real)
        with ThreadPoolExecutor(1) as second:
            answers.append(second.submit(_in_thread(lambda: send(body, idempotency_key="order-42"))).result())
        return real(*args, **kwargs)

    real = views.send_message
    monkeypatch.setattr(views, "send_message", slow)
    first = send(body, idempotency_key="order-42")

    assert (first.status_code, answers[0].status_code) == (201, 409)
    assert answers[0].headers["Retry-After"] == "1"
    assert errors_of(answers[0]) == {("request_running", None)}
    assert MessageData.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_with_one_key_make_one_message(website: User, body: dict[str, Any]) -> None:
    clients = [client_of(website) for _ in range(8)]
    barrier = Barrier(8)

    def post(client: APIClient) -> Response:
        barrier.wait()
        return client.post(MESSAGES, body, headers={"Idempotency-Key": "order-42"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda client: _in_thread(lambda: post(client))(), clients))

    assert {response.status_code for response in answers} <= {201, 409}
    assert len({response.content for response in answers if response.status_code == 201}) == 1
    assert (MessageData.objects.count(), SendBatch.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)
    assert clients[0].post(MESSAGES, body, headers={"Idempotency-Key": "order-42"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_request_that_died_at_work_left_nothing_and_its_repeat_does_the_work(
    send: Send, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_before_the_answer_is_stored(*args: Any, **kwargs: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(IdempotencyKey, "save", die_before_the_answer_is_stored)
        send(body, idempotency_key="order-42")
    left = (MessageData.objects.count(), IdempotencyKey.objects.filter(status_code=None).count())
    again = send(body, idempotency_key="order-42")

    assert left == (0, 1)
    assert again.status_code == 201
    assert MessageData.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_whose_process_was_killed_is_free_when_its_connection_is_gone(
    send: Send, body: dict[str, Any], website: User
) -> None:
    send({**body, "recipient": "+1416555"}, idempotency_key="order-42")  # leaves an unanswered key

    with _another_connection_holds_the_key():
        held = send(body, idempotency_key="order-42")
    freed = send(body, idempotency_key="order-42")

    assert (held.status_code, freed.status_code) == (409, 201)


@contextmanager
def _another_connection_holds_the_key() -> Iterator[None]:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT id FROM idempotency_keys FOR UPDATE")
            assert cursor.fetchone()
        yield
    finally:
        other.close()


def _in_thread(work: Callable[[], Response]) -> Callable[[], Response]:
    """A thread's connections end with its work."""

    def run() -> Response:
        try:
            return work()
        finally:
            connections.close_all()

    return run
