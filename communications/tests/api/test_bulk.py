"""The bulk endpoints: what they take, what they refuse at once, what they tell."""

from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from communications.actions.bulk import expand_bulks
from communications.models import BulkSend, IdempotencyKey, MessageData, MessageSchema
from communications.tests.api.conftest import MESSAGES
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of

BULK = f"{MESSAGES}/bulk"


@pytest.fixture
def bulk_body(pickup: MessageSchema) -> dict[str, Any]:
    return {
        "message_schema": pickup.code,
        "variables": {"orderNumber": "ORD-1"},
        "recipients": [
            {"recipient": "+14165551234", "recipient_name": "John Smith"},
            {"recipient": "+1416", "recipient_name": "Nobody"},
            {"recipient": "+14165551299", "variables": {"firstName": "Jane", "orderNumber": "ORD-2"}},
        ],
    }


def post(client: APIClient, body: Any, **headers: str) -> Response:
    return client.post(BULK, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_request_is_taken_whole_and_its_address_tells_how_far_it_is(
    client: APIClient, website: User, bulk_body: dict[str, Any]
) -> None:
    taken = post(client, bulk_body)

    said = taken.json()
    assert taken.status_code == 202
    assert (said["state"], said["total"], said["position"], said["accepted"], said["refused"]) == (
        "expanding",
        3,
        0,
        0,
        [],
    )
    assert taken.headers["Location"] == f"{BULK}/{said['id']}"
    assert BulkSend.objects.get().created_by == website

    expand_bulks()
    done = client.get(taken.headers["Location"]).json()
    assert (done["state"], done["position"], done["accepted"]) == ("done", 3, 2)
    [refused] = done["refused"]
    assert set(refused) == {"index", "code", "detail", "attr"}
    assert (refused["index"], refused["code"], refused["attr"]) == (1, "invalid_phone", "recipient")


def test_a_repeat_gets_the_same_answer_and_asks_for_nothing(client: APIClient, bulk_body: dict[str, Any]) -> None:
    first = post(client, bulk_body, idempotency_key="autumn")
    expand_bulks()
    again = post(client, bulk_body, idempotency_key="autumn")
    other = post(client, {**bulk_body, "recipients": bulk_body["recipients"][:1]}, idempotency_key="autumn")

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.content == first.content
    assert (again.headers["Location"], again.headers["Idempotent-Replayed"]) == (first.headers["Location"], "true")
    assert BulkSend.objects.count() == 1


def test_ten_thousand_are_taken_in_a_fixed_number_of_queries(
    client: APIClient, bulk_body: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    recipients = [
        {"recipient": f"+1416{2_000_000 + n}", "recipient_name": "Alex", "variables": {"firstName": "Alex"}}
        for n in range(10_000)
    ]

    with django_assert_max_num_queries(15):
        taken = post(client, {**bulk_body, "recipients": recipients})

    assert (taken.status_code, taken.json()["total"]) == (202, 10_000)
    assert post(client, {**bulk_body, "recipients": [*recipients, {"recipient": "+14165551234"}]}).status_code == 400


WRONG: list[tuple[Any, tuple[str, str]]] = [
    ([], ("empty", "recipients")),
    ("+14165551234", ("not_a_list", "recipients")),
    (None, ("null", "recipients")),
    ([{}] * 10_001, ("max_length", "recipients")),
    ([{"recipient": "+14165551234"}, {}], ("recipient_required", "recipients.1.recipient")),
    ([{"recipient": "+14165551234", "to": "x"}], ("unknown_field", "recipients.0.to")),
    ([{"customer": "42"}], ("invalid", "recipients.0.customer")),
    (["+14165551234"], ("invalid", "recipients.0.non_field_errors")),
    ([{"recipient": "1", "variables": {"a": []}}], ("not_a_scalar", "recipients.0.variables.a")),
    ([{"recipient": "1" * 321}], ("max_length", "recipients.0.recipient")),
]


@pytest.mark.parametrize(("recipients", "error"), WRONG, ids=[code for _, (code, _) in WRONG])
def test_a_wrong_recipient_is_named_by_his_place(
    client: APIClient, bulk_body: dict[str, Any], recipients: Any, error: tuple[str, str]
) -> None:
    refused = post(client, {**bulk_body, "recipients": recipients})

    assert refused.status_code == 400
    assert errors_of(refused) == {error}
    assert not BulkSend.objects.exists()


def test_of_many_wrong_ones_a_hundred_are_told(client: APIClient, bulk_body: dict[str, Any]) -> None:
    refused = post(client, {**bulk_body, "recipients": [{}] * 9_000})

    assert len(refused.json()["errors"]) == 100


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"message_schema": "NONE"}, ("does_not_exist", "message_schema")),
        ({"expires_ts": "2020-01-01T00:00:00Z"}, ("expired", "expires_ts")),
        ({"scheduled_ts": "2999-01-01T00:00:00Z"}, ("too_far_ahead", "scheduled_ts")),
        ({"purpose": "fun"}, ("invalid_choice", "purpose")),
        ({"recipient": "+14165551234"}, ("unknown_field", "recipient")),
    ],
)
def test_what_holds_for_all_is_looked_at_as_in_a_single_message(
    client: APIClient, bulk_body: dict[str, Any], changes: dict[str, Any], error: tuple[str, str]
) -> None:
    assert errors_of(post(client, {**bulk_body, **changes})) == {error}


def test_a_template_that_is_not_published_is_refused_and_the_key_stays_free(
    client: APIClient, bulk_body: dict[str, Any], pickup: MessageSchema
) -> None:
    MessageSchema.objects.update(status="draft")
    refused = post(client, bulk_body, idempotency_key="autumn")
    MessageSchema.objects.update(status="published")

    assert errors_of(refused) == {("schema_not_usable", "message_schema")}
    assert post(client, bulk_body, idempotency_key="autumn").status_code == 202
    assert IdempotencyKey.objects.count() == 1


def test_a_body_of_two_megabytes_is_taken_and_one_of_eleven_is_not(
    client: APIClient, bulk_body: dict[str, Any]
) -> None:
    def of(characters: int) -> dict[str, Any]:
        return {
            **bulk_body,
            "recipients": [{"recipient": "+14165551234", "variables": {"a": "x" * characters}}] * 1_100,
        }

    assert post(client, of(2_000)).status_code == 202
    assert errors_of(post(client, of(10_000))) == {("payload_too_large", None)}


@pytest.mark.parametrize(("scopes", "read", "sent"), [((), 403, 403), (("message-data:read",), 200, 403)], ids=str)
def test_a_token_may_do_what_its_scopes_say(
    website: User, client: APIClient, bulk_body: dict[str, Any], scopes: tuple[str, ...], read: int, sent: int
) -> None:
    address = post(client, bulk_body).headers["Location"]
    limited = client_of(website, scopes=scopes)

    assert limited.get(address).status_code == read
    assert post(limited, bulk_body).status_code == sent


def test_who_may_not_send_may_not_send_to_many(bulk_body: dict[str, Any], client: APIClient) -> None:
    address = post(client, bulk_body).headers["Location"]
    stranger = client_of(UserFactory(), scopes=("*",))

    assert (post(stranger, bulk_body).status_code, stranger.get(address).status_code) == (403, 403)
    assert not MessageData.objects.exists()


@pytest.mark.parametrize("pk", ["01890000-0000-7000-8000-000000000000", "42", "bulk"])
def test_an_unknown_request_is_not_found(client: APIClient, pk: str) -> None:
    assert errors_of(client.get(f"{BULK}/{pk}")) == {("not_found", None)}


def test_the_word_bulk_is_no_message(client: APIClient) -> None:
    assert client.get(BULK).status_code == 405
