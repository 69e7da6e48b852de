"""People with a second factor, and the codes that their apps would show."""

import time

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from django.urls import reverse

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory

PASSWORD = "a-long-enough-password"


def person(*, is_staff: bool = True) -> User:
    user = UserFactory(email="emily@rapport.test", is_staff=is_staff, is_superuser=is_staff)
    user.set_password(PASSWORD)
    user.save()
    return user


def code_of(secret: str) -> str:
    """What an app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def with_app(user: User) -> str:
    """The secret of an app set up for `user`, with recovery codes."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def recovery_codes(user: User) -> list[str]:
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def sign_in(client: Client, *, password: str = PASSWORD, then: str = "/admin/", email: str = "emily@rapport.test"):
    return client.post(reverse("account_login"), {"login": email, "password": password, "next": then})
