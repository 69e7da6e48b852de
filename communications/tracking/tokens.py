"""A person's token: a message's id and a mark that only we can make, in 40 characters of an address.

It says which message it belongs to and nothing more. It does not expire: an unsubscribe link has to work for as long
as somebody keeps the mail. Forty characters hold thirty bytes exactly, so no token has a second spelling.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from uuid import UUID

from django.conf import settings

_SHAPE = re.compile(r"[A-Za-z0-9_-]{40}")
_MARK_BYTES = 14
_SALT = b"rapport.tracking.token"


class UnknownToken(ValueError):
    """A token that we did not make."""


def token_for(message_id: UUID) -> str:
    return urlsafe_b64encode(message_id.bytes + _mark(_keys()[0], message_id.bytes)).decode()


def message_of(token: str) -> UUID:
    """The message that `token` was made for, with the key of today or an earlier one. Raises UnknownToken."""
    if not _SHAPE.fullmatch(token):
        raise UnknownToken("This is no token.")
    raw = urlsafe_b64decode(token)
    message, mark = raw[:16], raw[16:]
    if not any(hmac.compare_digest(mark, _mark(key, message)) for key in _keys()):
        raise UnknownToken("This token was not made here.")
    return UUID(bytes=message)


def _keys() -> tuple[bytes, ...]:
    """The first signs, all are accepted."""
    return _derived(tuple(settings.TRACKING_KEYS) or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _derived(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    """Keys for this purpose alone: what is signed here opens nothing elsewhere."""
    return tuple(hmac.digest(secret.encode(), _SALT, "sha256") for secret in secrets)


def _mark(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")[:_MARK_BYTES]
