"""The addresses in a person's mail that lead back here. Made for each of a million rows, so nothing here asks anybody."""

from urllib.parse import quote, urlsplit
from uuid import UUID

from django.conf import settings

from communications.tracking.tokens import token_for

TRACKING_URL = "trackingUrl"
UNSUBSCRIBE_URL = "unsubscribeUrl"
STATIC_URL = "staticUrl"  # before the path of one of our own pictures
#: Names that a template may print and nobody gives a value for: each message has its own.
RESERVED = frozenset({TRACKING_URL, UNSUBSCRIBE_URL, STATIC_URL})


def personal_variables(message_id: UUID) -> dict[str, str]:
    """What `{{ trackingUrl }}`, `{{ unsubscribeUrl }}` and `{{ staticUrl }}` are in this message."""
    base = _base(token_for(message_id))
    return {TRACKING_URL: base, UNSUBSCRIBE_URL: f"{base}/unsubscribe", STATIC_URL: static_url()}


def list_unsubscribe_headers(message_id: UUID) -> dict[str, str]:
    """The mail client's own button (RFC 2369 and 8058): one POST, without cookies, without questions."""
    token = token_for(message_id)
    places = [f"<{unsubscribe_url(token)}>"]
    if settings.UNSUBSCRIBE_MAILTO:
        places.append(f"<mailto:{quote(settings.UNSUBSCRIBE_MAILTO, safe='@')}?subject=unsubscribe%20{token}>")
    return {"List-Unsubscribe": ", ".join(places), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def static_url() -> str:
    """Where this installation serves its own files today: a mail needs a whole address, a template must not keep one."""
    return f"{settings.PUBLIC_BASE_URL}{settings.STATIC_URL}"


def open_url(token: str) -> str:
    return f"{_base(token)}/o.gif"


def click_url(token: str, position: int) -> str:
    return f"{_base(token)}/c/{position}"


def unsubscribe_url(token: str) -> str:
    return f"{_base(token)}/unsubscribe"


def is_http(url: str) -> bool:
    """Whether a browser may be led to `url`: http or https, and a host."""
    try:
        parts = urlsplit(url.strip())
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _base(token: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}/t/{token}"
