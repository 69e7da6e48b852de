from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from communications.actions.schemas import save_schema
from communications.models import MessageSchema
from communications.tests.api.conftest import MESSAGES
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of, errors_of

SCHEMAS = "/api/v1/message-schema"
SMS = {
    "name": "Ready for pickup",
    "message_delivery_method": "SMS",
    "category": "ORDER",
    "template_schema": {"message": "Hi {{firstName}}, your order is ready."},
}


@pytest.fixture
def marketer(db: None) -> User:
    user = UserFactory(name="Marketer")
    names = [f"{verb}_messageschema" for verb in ("view", "add", "change", "delete")]
    user.user_permissions.set(Permission.objects.filter(codename__in=[*names, "add_messagedata"]))
    return user


@pytest.fixture
def schemas(marketer: User) -> APIClient:
    return client_of(marketer, scopes=("message-schema:write", "message-data:write"))


def made(client: APIClient, **changes: Any) -> dict[str, Any]:
    response = client.post(SCHEMAS, {**SMS, **changes})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_template_is_made_with_code_version_and_derived_values(schemas: APIClient, marketer: User) -> None:
    response = schemas.post(SCHEMAS, SMS)

    body = response.json()
    assert (body["code"], body["version"], body["status"]) == ("MSG-SCHEMA-ORDER-001", 1, "published")
    assert body["template_schema"]["variables"] == ["firstName"]
    assert schemas.get(response.headers["Location"]).json() == body
    version = MessageSchema.objects.get(pk=body["id"]).versions.get()
    assert version.created_by == marketer


def test_a_wrong_template_is_refused_with_field_and_place(schemas: APIClient) -> None:
    response = schemas.post(SCHEMAS, {**SMS, "template_schema": {"message": "Hi\n{{ firstName"}})

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["code"], error["attr"]) == ("template_error", "template_schema.message")
    assert error["detail"].startswith("Line 2, column 1: ")
    assert not MessageSchema.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code", "attr"),
    [
        ({"name": ""}, "blank", "name"),
        ({"message_delivery_method": "FAX"}, "invalid_choice", "message_delivery_method"),
        ({"message_delivery_method": None}, "null", "message_delivery_method"),
        ({"nmae": "x"}, "unknown_field", "nmae"),
        ({"template_schema": "Hi"}, "not_a_dict", "template_schema"),
        ({"from_ts": "2026-01-01T00:00"}, "no_time_zone", "from_ts"),
        ({"validity_seconds": 0}, "min_value", "validity_seconds"),
        ({"validity_seconds": 10**12}, "max_value", "validity_seconds"),
        ({"default_language": "english!"}, "template_error", "default_language"),
        ({"category": "x" * 21}, "max_length", "category"),
        ({"attachments": [1.5, {}]}, "invalid", "attachments.1"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(
    schemas: APIClient, changes: dict[str, Any], code: str, attr: str
) -> None:
    response = schemas.post(SCHEMAS, {**SMS, **changes})

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})
    assert not MessageSchema.objects.exists()


def test_a_code_is_given_once(schemas: APIClient) -> None:
    made(schemas, code="MINE")

    response = schemas.post(SCHEMAS, {**SMS, "code": "MINE"})

    assert (response.status_code, errors_of(response)) == (400, {("unique", "code")})


def test_a_change_is_a_new_version_and_the_rest_stays(schemas: APIClient) -> None:
    first = made(schemas, descr="For the shop", metadata={"owner": "shop"})

    response = schemas.put(f"{SCHEMAS}/{first['id']}", {**SMS, "template_schema": {"message": "Ready!"}, "version": 1})

    body = response.json()
    assert (response.status_code, body["version"], body["descr"]) == (200, 2, "For the shop")
    assert (body["template_schema"]["message"], body["metadata"]) == ("Ready!", {"owner": "shop"})
    versions = MessageSchema.objects.get(pk=first["id"]).versions.order_by("version")
    assert [version.template_schema["message"] for version in versions] == [SMS["template_schema"]["message"], "Ready!"]  # type: ignore[index]


def test_a_change_of_an_old_version_is_refused(schemas: APIClient) -> None:
    first = made(schemas)
    schemas.put(f"{SCHEMAS}/{first['id']}", SMS)

    response = schemas.put(f"{SCHEMAS}/{first['id']}", {**SMS, "name": "Mine", "version": 1})

    assert (response.status_code, errors_of(response)) == (409, {("stale_version", None)})
    assert schemas.get(f"{SCHEMAS}/{first['id']}").json()["name"] == SMS["name"]


def test_code_and_method_never_change(schemas: APIClient) -> None:
    first = made(schemas)

    response = schemas.put(f"{SCHEMAS}/{first['id']}", {**SMS, "code": "OTHER", "message_delivery_method": "PUSH"})

    assert response.status_code == 400
    assert errors_of(response) == {("immutable", "code"), ("immutable", "message_delivery_method")}


def test_a_deleted_template_is_kept_and_no_longer_sent(schemas: APIClient) -> None:
    first = made(schemas)

    answers = [schemas.delete(f"{SCHEMAS}/{first['id']}").status_code for _ in range(2)]

    kept = schemas.get(f"{SCHEMAS}/{first['id']}").json()
    sent = schemas.post(MESSAGES, {"message_schema": first["id"], "recipient": "+14165551234"})
    assert (answers, kept["active_flag"]) == ([204, 204], False)
    assert errors_of(sent) == {("schema_not_usable", "message_schema")}
    assert schemas.get(SCHEMAS).json()["results"] == []
    assert len(schemas.get(SCHEMAS, {"active_flag": "false"}).json()["results"]) == 1


def test_templates_are_listed_by_code_and_narrowed(schemas: APIClient) -> None:
    for code in ("B-2", "A-1", "B-1"):
        made(schemas, code=code, name=f"Template {code}")

    page = schemas.get(SCHEMAS, {"page_size": 2}).json()
    rest = schemas.get(page["next"]).json()

    assert [row["code"] for row in page["results"] + rest["results"]] == ["A-1", "B-1", "B-2"]
    assert "template_schema" not in page["results"][0]
    assert [row["code"] for row in schemas.get(SCHEMAS, {"search": "b-"}).json()["results"]] == ["B-1", "B-2"]
    assert schemas.get(SCHEMAS, {"status": "draft"}).json()["results"] == []


def test_whoever_may_only_read_changes_nothing(schemas: APIClient) -> None:
    first = made(schemas)
    reader = UserFactory()
    reader.user_permissions.set(Permission.objects.filter(codename="view_messageschema"))
    client = client_of(reader, scopes=("message-schema:write",))

    answers = [
        client.post(SCHEMAS, SMS),
        client.put(f"{SCHEMAS}/{first['id']}", SMS),
        client.delete(f"{SCHEMAS}/{first['id']}"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert client.get(f"{SCHEMAS}/{first['id']}").status_code == 200


def test_a_token_for_reading_changes_nothing(marketer: User) -> None:
    schema = MessageSchema(name="x", template_schema={"message": "Hi"})
    save_schema(schema)

    response = client_of(marketer, scopes=("message-schema:read",)).delete(f"{SCHEMAS}/{schema.pk}")

    assert response.status_code == 403
