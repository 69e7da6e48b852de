"""What came by one of our links, written down raw for the journal's worker. All of it but the message is hostile text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from uuid import UUID

from django.http import HttpRequest

from communications.intake import store

_KEPT_HEADERS = ("User-Agent", "Referer", "Sec-Purpose", "Purpose", "X-Forwarded-For")
_MOST = 1_000  # characters of a header


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Who came, as far as a request tells; fit for the database."""

    headers: Mapping[str, str]
    address: str | None


def visit_of(request: HttpRequest) -> Visit:
    headers = {name: _writable(request.headers[name]) for name in _KEPT_HEADERS if name in request.headers}
    return Visit(headers=headers, address=_address(request.META.get("REMOTE_ADDR", "")))


def record_hit(visit: Visit, endpoint: str, message_id: UUID, *, url: str, **facts: str | int) -> None:
    """One row: `endpoint` is open, click or unsubscribe, `url` our own address, as we write it."""
    store(
        provider="tracking",
        endpoint=endpoint,
        url=url,
        query_string="",
        headers=visit.headers,
        content_type="application/json",
        body=json.dumps({"message": str(message_id), **facts}).encode(),
        remote_address=visit.address,
    )


def _address(remote: str) -> str | None:
    try:
        return str(ip_address(remote.partition("%")[0]))
    except ValueError:
        return None


def _writable(text: str) -> str:
    """No NUL, no half of a character pair."""
    return text[:_MOST].replace("\x00", "").encode(errors="replace").decode()
