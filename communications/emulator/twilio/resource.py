"""The message resource and its list, field for field."""

import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring as text
from typing import Any
from urllib.parse import urlencode

from communications.emulator.store import Message
from communications.emulator.twilio.errors import CARRIER_SENTENCES

VERSION = "2010-04-01"
PRICE_PER_SEGMENT = 0.0079
UNSETTLED = ("queued", "accepted", "scheduled", "canceled", "failed")


def resource(message: Message, account: str, now: float) -> dict[str, Any]:
    """As Twilio's API shows the message at `now` (epoch seconds). With a messaging service the sender and the number of
    segments are unknown until it leaves, and so is the price of anything."""
    status, error = message.status(now), message.failed_with(now)
    unassigned = message.service is not None and status in ("accepted", "scheduled")
    uri = f"/{VERSION}/Accounts/{account}/Messages/{message.sid}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "body": message.body,
        "date_created": rfc2822(message.created),
        "date_sent": rfc2822(message.sent_at(now)),
        "date_updated": rfc2822(message.updated_at(now)),
        "direction": message.direction,
        "error_code": error,
        "error_message": CARRIER_SENTENCES.get(error) if error else None,
        "from": None if unassigned else message.sender,
        "messaging_service_sid": message.service,
        "num_media": str(len(message.media)),
        "num_segments": "0" if unassigned else str(message.segments),
        "price": None if status in UNSETTLED else f"-{PRICE_PER_SEGMENT * message.segments:.5f}",
        "price_unit": "USD",
        "sid": message.sid,
        "status": status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def created(message: Message, account: str) -> str:
    """`resource` at the moment of acceptance, as JSON: nearly all of it is the same for every message."""
    unassigned = message.service is not None
    uri = f"/{VERSION}/Accounts/{account}/Messages/{message.sid}"
    date = rfc2822(message.created)
    return (
        f'{{"account_sid":"{account}","api_version":"{VERSION}","body":{text(message.body)},"date_created":"{date}",'
        f'"date_sent":null,"date_updated":"{date}","direction":"{message.direction}","error_code":null,'
        f'"error_message":null,"from":{"null" if unassigned else text(message.sender)},'
        f'"messaging_service_sid":{text(message.service) if message.service else "null"},'
        f'"num_media":"{len(message.media)}","num_segments":"{0 if unassigned else message.segments}","price":null,'
        f'"price_unit":"USD","sid":"{message.sid}","status":"{message.initial}",'
        f'"subresource_uris":{{"media":"{uri}/Media.json"}},"to":{text(message.to)},"uri":"{uri}.json"}}'
    )


def rfc2822(at: float | None) -> str | None:
    return None if at is None else _rfc2822(int(at))


@lru_cache(maxsize=1024)
def _rfc2822(second: int) -> str:
    return formatdate(second).replace("-0000", "+0000")


def page(
    found: Sequence[Message], *, account: str, filters: dict[str, str], size: int, number: int, token: str
) -> dict[str, Any]:
    """One page of `found` (newest first) in Twilio's envelope. Tokens name the message beside the page (PA after, PB
    before), so a page does not shift when new messages arrive."""
    start = _position(found, token, size, number)
    shown = list(islice(found, start, start + size))
    more = start + size < len(found)
    now = time.time()
    base = f"/{VERSION}/Accounts/{account}/Messages.json?"

    def uri(page_number: int, page_token: str = "") -> str:
        place = {"PageSize": str(size), "Page": str(page_number)}
        return base + urlencode({**filters, **place, **({"PageToken": page_token} if page_token else {})})

    first = number * size
    return {
        "messages": [resource(message, account, now) for message in shown],
        "page": number,
        "page_size": size,
        "start": first,
        "end": max(first, first + len(shown) - 1),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, f"PA{shown[-1].sid}") if more else None,
        "previous_page_uri": uri(number - 1, f"PB{shown[0].sid}") if number and shown else None,
        "uri": uri(number, token),
    }


def _position(found: Sequence[Message], token: str, size: int, number: int) -> int:
    """Where the page begins; without a usable token, by its number."""
    side, sid = token[:2], token[2:]
    at = next((index for index, message in enumerate(found) if message.sid == sid), None) if sid else None
    if at is None:
        return number * size
    return at + 1 if side == "PA" else max(0, at - size)
