"""Programs and people that call the API."""

from collections.abc import Iterable

from django.contrib.auth.models import Permission
from rest_framework.response import Response
from rest_framework.test import APIClient

from config.accounts.models import ApiToken, User
from config.accounts.tests.factories import UserFactory


def client_of(user: User, *, scopes: tuple[str, ...] = ("message-data:write",)) -> APIClient:
    """A client with a fresh token of `user`."""
    _, token = ApiToken.objects.create(user=user, name="Website", scopes=list(scopes))
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def caller(*codenames: str, scopes: Iterable[str] = ("*",)) -> APIClient:
    """A client of a new user with these permissions (`view_customer`)."""
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of(user, scopes=tuple(scopes))


def errors_of(response: Response) -> set[tuple[str, str | None]]:
    """Code and field of each error, after a look at the one shape."""
    answer = response.json()
    assert set(answer) == {"type", "errors"}
    assert all(set(error) == {"code", "detail", "attr"} and error["detail"] for error in answer["errors"])
    return {(error["code"], error["attr"]) for error in answer["errors"]}
