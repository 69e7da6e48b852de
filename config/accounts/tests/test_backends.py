import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.accounts.backends import OneQueryBackend
from config.accounts.models import User
from config.accounts.tests.factories import UserFactory


@pytest.fixture
def user(db: None) -> User:
    """Two groups that share a permission, and one of his own."""
    user = UserFactory()
    permissions = list(Permission.objects.order_by("pk")[:4])
    for name, granted in (("One", permissions[:2]), ("Two", permissions[1:3])):
        group = Group.objects.create(name=name)
        group.permissions.set(granted)
        user.groups.add(group)
    user.user_permissions.add(permissions[3])
    return user


def test_a_user_may_what_django_says_he_may_in_one_query(user: User) -> None:
    expected = ModelBackend().get_all_permissions(User.objects.get(pk=user.pk))

    with CaptureQueriesContext(connection) as queries:
        found = OneQueryBackend().get_all_permissions(user)
        OneQueryBackend().get_all_permissions(user)

    assert found == expected
    assert (len(found), len(queries)) == (4, 1)


@pytest.mark.parametrize("facts", [{"is_active": False}, {"is_superuser": True}])
def test_who_is_switched_off_may_nothing_and_who_is_above_all_everything(user: User, facts: dict[str, bool]) -> None:
    User.objects.filter(pk=user.pk).update(**facts)
    changed = User.objects.get(pk=user.pk)

    assert OneQueryBackend().get_all_permissions(changed) == ModelBackend().get_all_permissions(
        User.objects.get(pk=user.pk)
    )


def test_nobody_may_anything_with_an_object(user: User) -> None:
    assert OneQueryBackend().get_all_permissions(user, obj=user) == set()
