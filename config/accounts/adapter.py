"""How allauth behaves here: nobody signs up, and whoever tried too often is told so."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This e-mail address and this password do not go together."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Too many attempts are no mistake in a form: they are answered with 429, whatever was typed."""
        if code in ("too_many_login_attempts", "rate_limited"):
            raise ImmediateHttpResponse(respond_429(self.request))
        return super().validation_error(code, *args)
