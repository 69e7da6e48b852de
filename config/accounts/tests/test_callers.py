import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.accounts.callers import find_tokens
from config.accounts.models import ApiToken, User
from config.accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def a_token(**facts: bool) -> ApiToken:
    user = UserFactory(**facts)
    user.user_permissions.set(Permission.objects.order_by("pk")[:3])
    return ApiToken.objects.create(user=user, name="Website", scopes=["customer:read", "consent:write"])[0]


def test_a_token_comes_with_its_user_and_all_he_may_in_one_query() -> None:
    token = a_token()

    with CaptureQueriesContext(connection) as queries:
        (found,) = find_tokens(token.token_key)
        permissions = found.user.get_all_permissions()

    assert len(queries) == 1
    assert {field.attname: getattr(found, field.attname) for field in ApiToken._meta.concrete_fields} == {
        field.attname: getattr(token, field.attname) for field in ApiToken._meta.concrete_fields
    }
    stored = User.objects.get(pk=token.user_id)
    assert {field.attname: getattr(found.user, field.attname) for field in User._meta.concrete_fields} == {
        field.attname: getattr(stored, field.attname) for field in User._meta.concrete_fields
    }
    assert permissions == stored.get_all_permissions()
    assert len(permissions) == 3


@pytest.mark.parametrize("facts", [{"is_active": False}, {"is_superuser": True}])
def test_who_is_switched_off_may_nothing_and_who_is_above_all_everything(facts: dict[str, bool]) -> None:
    (found,) = find_tokens(a_token(**facts).token_key)

    assert found.user.has_perm("customers.view_customer") is found.user.is_superuser
    assert found.user.get_all_permissions() == User.objects.get(pk=found.user_id).get_all_permissions()


def test_what_is_taken_from_a_user_his_token_may_no_longer_at_once() -> None:
    token = a_token()
    assert find_tokens(token.token_key)[0].user.get_all_permissions()

    User.objects.get(pk=token.user_id).user_permissions.clear()

    assert find_tokens(token.token_key)[0].user.get_all_permissions() == set()


def test_nothing_begins_with_an_unknown_key() -> None:
    a_token()

    assert find_tokens("rap_0000000000") == []
