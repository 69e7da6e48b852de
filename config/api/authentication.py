"""API tokens: `Authorization: Bearer rap_…`, hashed at rest, with scopes. And browsers, by their session."""

import re
from typing import Any

import pghistory
from django.utils import timezone
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from config.accounts import second_factor
from config.accounts.models import ApiToken, User

_TOKEN = re.compile(rb"[A-Za-z0-9_]{16,200}")


class ScopedTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's token check, for well-formed tokens only (a broken byte would otherwise be a server error).

    A token that ran out is refused and stays listed; knox would look through all the user's tokens at each request.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        if not _TOKEN.fullmatch(token):
            raise AuthenticationFailed("Invalid token.")
        user, found = super().authenticate_credentials(token)
        pghistory.context(token=str(found))  # which program, for the history of what it changes
        return user, found

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Whether it ran out."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


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
