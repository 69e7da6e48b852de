import pytest

from config.accounts.tests.factories import (
    ApiTokenFactory,
    GroupFactory,
    GroupPermissionFactory,
    UserFactory,
    UserGroupFactory,
    UserPermissionFactory,
)
from config.tests.constraints import Break, assert_refused, histories_are_kept, tables_of, twice

BREAKS: list[Break] = [
    ("accounts_user_email_key", twice(UserFactory, email="emily@rapport.test")),
    (
        "user_email_lower_unique",
        lambda: (UserFactory(email="emily@rapport.test"), UserFactory(email="Emily@Rapport.test")),
    ),
    *histories_are_kept(UserFactory, ApiTokenFactory, GroupFactory),
    *histories_are_kept(GroupPermissionFactory, UserGroupFactory, UserPermissionFactory),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("promise", "break_it"), BREAKS)
def test_the_database_refuses_what_breaks_a_promise(promise, break_it):
    assert_refused(promise, break_it)


def test_the_tables_have_their_names():
    assert tables_of("accounts") == {
        "User": "accounts_user",
        "UserHistory": "accounts_user_history",
        "ApiToken": "api_tokens",
        "ApiTokenHistory": "api_tokens_history",
        "FollowedGroup": "auth_group",
        "FollowedGroupHistory": "accounts_group_history",
        "GroupPermission": "auth_group_permissions",
        "GroupPermissionHistory": "accounts_group_permissions_history",
        "UserGroup": "accounts_user_groups",
        "UserGroupHistory": "accounts_user_groups_history",
        "UserPermission": "accounts_user_user_permissions",
        "UserPermissionHistory": "accounts_user_permissions_history",
    }
