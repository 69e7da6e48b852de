"""May this user do this, and may this token? Both must say yes."""

from typing import Any, ClassVar

from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions
from rest_framework.request import Request

from config.accounts.models import ApiToken


class ScopedModelPermissions(DjangoModelPermissions):
    """Django's model permissions, reading included; a token needs the scope of the view's `scope` besides."""

    perms_map: ClassVar = {  # type: ignore[misc]
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": [],
    }

    def has_permission(self, request: Request, view: Any) -> bool:
        return super().has_permission(request, view) and self._token_allows(request, view)

    def _token_allows(self, request: Request, view: Any) -> bool:
        token = request.auth
        return not isinstance(token, ApiToken) or token.allows(view.scope, write=request.method not in SAFE_METHODS)


class AppendingPermissions(ScopedModelPermissions):
    """Of what is never rewritten: a change is something new, and asks for the right to add."""

    perms_map: ClassVar = {**ScopedModelPermissions.perms_map, "PATCH": ["%(app_label)s.add_%(model_name)s"]}  # type: ignore[misc]
