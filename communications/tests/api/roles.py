"""Accounts of each role, and the objects that addresses name."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from rest_framework.test import APIClient

from communications.tests.factories import (
    BulkSendFactory,
    MessageDataFactory,
    MessageSchemaFactory,
    MessageSchemaVersionFactory,
)
from config.accounts.models import ApiToken, User
from config.accounts.tests.factories import UserFactory
from customers.tests.factories import AppointmentFactory, ConsentEventFactory, CustomerFactory
from interactions.tests.factories import ConversationFactory, InteractionFactory

STRANGER = "signed in, in no group"
GROUPS = ("Agent", "Manager", "Marketing", "API client")

_FACTORIES: dict[str, Any] = {
    "message-data/bulk": BulkSendFactory,
    "message-data-bulk": BulkSendFactory,
    "message-data": MessageDataFactory,
    "customer": CustomerFactory,
    "appointment": AppointmentFactory,
    "consent": ConsentEventFactory,
    "conversation": ConversationFactory,
    "interaction": InteractionFactory,
}

#: The names in an address, with objects made for them.
Objects = Callable[[str], dict[str, Any]]


def account(role: str, *, is_staff: bool = False) -> User:
    user = UserFactory(is_staff=is_staff)
    user.groups.set(Group.objects.filter(name=role))
    return user


def token_of(role: str, *, scopes: tuple[str, ...] = ("*",)) -> str:
    token: str = ApiToken.objects.create(user=account(role), name=role, scopes=list(scopes))[1]
    return token


def program(role: str, *, scopes: tuple[str, ...] = ("*",)) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(role, scopes=scopes)}")
    return client


def person(role: str, *, is_staff: bool = True) -> Client:
    client = Client()
    client.force_login(account(role, is_staff=is_staff))
    return client


def make_objects(address: str) -> dict[str, Any]:
    """Fresh ones for each call, of whatever the address is about."""
    if "hostile" in address:
        schema = MessageSchemaFactory(code="HOSTILE", template_schema={"message": "Hi {{text}}"})
        MessageSchemaVersionFactory(message_schema=schema, template_schema={"message": "Hi"})
    if "message-schema" in address:
        return {"pk": MessageSchemaVersionFactory(message_schema=MessageSchemaFactory()).message_schema.pk}
    for word, factory in _FACTORIES.items():
        if address.startswith((f"api-{word}", f"/api/v1/{word}")):
            return {"pk": factory().pk}
    return {"pk": ConversationFactory().pk, "message": MessageDataFactory().pk}
