"""What second factors rest on (the secret of an app, the seed of recovery codes), sealed: a copy of the database opens none.

Fernet (AES-128-CBC with HMAC-SHA256), under keys derived for this purpose alone.
"""

import base64
import hmac
from functools import lru_cache

import structlog
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

log = structlog.get_logger(__name__)

_SALT = b"rapport.accounts.second-factor"


class SealingAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return _seal().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret; without its key a fresh one that nobody knows, so that no code fits and the password alone opens nothing."""
        try:
            return _seal().decrypt(encrypted_text).decode()
        except InvalidToken:
            log.error("second_factor_unreadable", remedy="Bring back the former key, or remove the second factor.")
            return generate_totp_secret()


def _seal() -> MultiFernet:
    """The first key seals, all open."""
    return _derived(tuple(settings.SECOND_FACTOR_KEYS) or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _derived(secrets: tuple[str, ...]) -> MultiFernet:
    digests = [hmac.digest(secret.encode(), _SALT, "sha256") for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
