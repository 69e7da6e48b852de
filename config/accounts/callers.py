"""Who calls the API: a token, its user and all that he may, in one query, which every call pays."""

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

from config.accounts.backends import PERMISSIONS, remember_permissions
from config.accounts.models import ApiToken, User
from config.db import fetch_prepared


def find_tokens(key: str) -> list[ApiToken]:
    """The tokens that begin with `key`, mostly one; `user` is there, and knows what he may."""
    return [_token(row) for row in fetch_prepared(_statement(), [key])]


def _token(row: tuple[Any, ...]) -> ApiToken:
    of_token, of_user = _attributes(ApiToken), _attributes(User)
    *values, permissions = row
    token = ApiToken.from_db(connection.alias, of_token, values[: len(of_token)])
    user = User.from_db(connection.alias, of_user, values[len(of_token) :])
    if not user.is_superuser:  # who may everything, and is granted nothing
        remember_permissions(user, permissions)
    token.user = user
    return token


@cache
def _statement() -> str:
    columns = ", ".join([*_columns(ApiToken, "token"), *_columns(User, "caller")])
    tokens, users = ApiToken._meta.db_table, User._meta.db_table
    return (
        f"SELECT {columns}, ARRAY({PERMISSIONS.format(user='caller.id')})"
        f" FROM {tokens} AS token JOIN {users} AS caller ON caller.id = token.user_id WHERE token.token_key = %s"
    )


def _columns(model: type[Model], alias: str) -> list[str]:
    return [f"{alias}.{connection.ops.quote_name(str(field.column))}" for field in model._meta.concrete_fields]


@cache
def _attributes(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)
