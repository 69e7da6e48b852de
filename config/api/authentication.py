"""API tokens: `Authorization: Bearer rap_…`, hashed at rest, with scopes. And browsers, by their session."""

import re
from hmac import compare_digest
from typing import Any

import pghistory
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from config.accounts import second_factor
from config.accounts.callers import find_tokens
from config.accounts.models import ApiToken, User

_TOKEN = re.compile(rb"[A-Za-z0-9_]{16,200}")


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's tokens, read in one query. One that ran out is refused and stays listed.

    Only well-formed ones are looked for (a broken byte would otherwise be a server error).
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        found = _find(token.decode()) if _TOKEN.fullmatch(token) else None
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        user, token_found = self.validate_user(found)
        pghistory.context(token=str(token_found))  # which program, for the history of what it changes
        return user, token_found


def _find(token: str) -> ApiToken | None:
    digest = hash_token(token)
    same = (each for each in find_tokens(token[: CONSTANTS.TOKEN_KEY_LENGTH]) if compare_digest(digest, each.digest))
    found = next(same, None)
    return found if found and (found.expiry is None or found.expiry > timezone.now()) else None


class ScopedTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.ScopedTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made in the back office, with its scopes."}


class BrowserAuthentication(SessionAuthentication):
    """Whoever is kept out of the back office for want of a second factor comes in here no sooner."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found and second_factor.is_missing(found[0]):
            raise PermissionDenied("Set up your second factor in the back office first.")
        return found


class BrowserScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.BrowserAuthentication"
    priority = 0
