"""What a user may do, in one query: his own permissions and his groups' together."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import ModelBackend

from config.db import fetch_all

PERMISSIONS = """
SELECT type.app_label || '.' || permission.codename
FROM auth_permission AS permission JOIN django_content_type AS type ON type.id = permission.content_type_id
WHERE permission.id IN (
    SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = {user}
    UNION ALL
    SELECT granted.permission_id
    FROM accounts_user_groups AS member JOIN auth_group_permissions AS granted USING (group_id)
    WHERE member.user_id = {user}
)
"""
_OF_USER = PERMISSIONS.format(user="%(user)s")


class OneQueryBackend(ModelBackend):
    """Django's, which asks twice, each time through six tables."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            remember_permissions(user_obj, (name for (name,) in fetch_all(_OF_USER, {"user": user_obj.pk})))
        known: set[str] = user_obj._perm_cache
        return known


def remember_permissions(user: Any, names: Iterable[str]) -> None:
    """`names` as Django writes them (`customers.view_customer`), for as long as this object lives."""
    user._perm_cache = set(names)
