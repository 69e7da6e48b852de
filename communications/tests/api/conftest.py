from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.response import Response
from rest_framework.test import APIClient

from communications.models import MessageSchema
from communications.tests.api.roles import Objects, make_objects
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.tests.callers import client_of

MESSAGES = "/api/v1/message-data"
PICKUP_TEXT = "Hi {{firstName}}, your order {{orderNumber}} is ready."

Send = Callable[..., Response]


@pytest.fixture
def website(db: None) -> User:
    """A program's account that may send and read messages, one and many."""
    user = UserFactory(name="Website")
    names = ("add_messagedata", "view_messagedata", "add_bulksend", "view_bulksend")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="communications", codename__in=names))
    return user


@pytest.fixture
def client(website: User) -> APIClient:
    return client_of(website)


@pytest.fixture
def pickup(db: None) -> MessageSchema:
    """An SMS template that needs `firstName` (the customer's) and `orderNumber` (the request's)."""
    schema = MessageSchemaFactory(
        code="MSG-SCHEMA-ORDER-001", name="Ready for pickup", template_schema={"message": PICKUP_TEXT}
    )
    MessageSchemaVersionFactory(message_schema=schema, template_schema={"message": PICKUP_TEXT})
    return schema


@pytest.fixture
def body(pickup: MessageSchema) -> dict[str, Any]:
    """What a website sends about an order."""
    return {
        "message_schema": pickup.code,
        "recipient": "+14165551234",
        "variables": {"firstName": "John", "orderNumber": "ORD-2025-00042"},
    }


@pytest.fixture
def send(client: APIClient) -> Send:
    """Posts a message; a keyword is a header (`idempotency_key="…"`)."""

    def post(body: Any, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(MESSAGES, body, headers=named)

    return post


@pytest.fixture
def objects(db: None) -> Objects:
    return make_objects


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--examples")
    return count
