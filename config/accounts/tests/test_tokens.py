"""Tokens in the back office: what one may do is chosen among what there is."""

import pytest
from django.test import Client
from django.urls import reverse

from config.accounts.models import ApiToken
from config.accounts.tests.factories import ApiTokenFactory, UserFactory
from config.api.views import known_scopes

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_every_resource_is_offered(staff: Client) -> None:
    html = staff.get(reverse("admin:accounts_apitoken_add")).content.decode()

    assert {"message-data", "message-schema", "customer", "consent", "conversation"} <= known_scopes()
    assert all(f'value="{name}:{verb}"' in html for name in known_scopes() for verb in ("read", "write"))
    assert 'value="*"' in html


def test_what_is_chosen_is_kept_and_nothing_else_is_taken(staff: Client) -> None:
    user = UserFactory()
    address, form = reverse("admin:accounts_apitoken_add"), {"name": "Website", "user": str(user.pk)}

    refused = staff.post(address, {**form, "scopes": ["customer:read", "custmer:write"]})
    assert "is not one of the available choices" in refused.content.decode()
    assert not ApiToken.objects.exists()

    staff.post(address, {**form, "scopes": ["customer:read", "consent:write"]})
    assert ApiToken.objects.get().scopes == ["customer:read", "consent:write"]


def test_a_scope_of_a_resource_that_is_gone_stays_until_it_is_taken_away(staff: Client) -> None:
    token = ApiTokenFactory(scopes=["letter:read"])

    html = staff.get(reverse("admin:accounts_apitoken_change", args=[token.pk])).content.decode()

    assert 'value="letter:read"' in html
