"""Was sending allowed? Derived from the append-only ledger for any moment; never stored.

Two streams speak of an address on a channel. STOP and START (purpose "all") open and close it for everything. Marketing
needs an opt-in of its own besides: START gives back what STOP took, it does not give a consent that never was.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from config.db import array_literal, fetch_all
from customers.choices import ConsentPurpose, ConsentStatus, Purpose
from customers.models import ConsentEvent


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`because` is the event that decided; None where no event speaks (transactional is then allowed, marketing is not)."""

    allowed: bool
    because: ConsentEvent | None = None


def verdict(events: Sequence[ConsentEvent], purpose: str) -> Verdict:
    """What `events` of one address, oldest first, say about sending for `purpose`."""
    last = {event.purpose: event for event in events}
    word = _deciding({each: event.status for each, event in last.items()}, purpose)
    if word is None:
        return Verdict(allowed=purpose == Purpose.TRANSACTIONAL)
    return Verdict(allowed=last[word].status == ConsentStatus.OPT_IN, because=last[word])


def allows(last_words: Mapping[str, str], purpose: str) -> bool:
    """The same of an address's last words, by what each speaks of (see `last_words`)."""
    word = _deciding(last_words, purpose)
    return purpose == Purpose.TRANSACTIONAL if word is None else last_words[word] == ConsentStatus.OPT_IN


def declines(last_words: Mapping[str, str], purpose: str) -> bool:
    """Whether somebody said no, which is more than never having said yes."""
    word = _deciding(last_words, purpose)
    return word is not None and last_words[word] == ConsentStatus.OPT_OUT


def _deciding(last_words: Mapping[str, str], purpose: str) -> str | None:
    """Which of the last words decides about `purpose`: a STOP to everything first, then what was said of it."""
    if last_words.get(ConsentPurpose.ALL) == ConsentStatus.OPT_OUT:
        return ConsentPurpose.ALL
    return purpose if purpose in last_words else None


def allowed(channel: str, address: str, purpose: str, *, at: datetime | None = None) -> Verdict:
    """Whether sending to `address` on `channel` for `purpose` was allowed at `at` (now)."""
    return verdict(ledger(channel, [address], at=at)[address], purpose)


def ledger(channel: str, addresses: Iterable[str], *, at: datetime | None = None) -> Mapping[str, list[ConsentEvent]]:
    """The events of many addresses up to `at`, oldest first, in one query."""
    events = ConsentEvent.objects.filter(channel=channel, address__in=list(addresses), occurred_at__lte=at or Now())
    found: dict[str, list[ConsentEvent]] = defaultdict(list)
    for event in events.order_by("occurred_at", "created_at", "id"):
        found[event.address].append(event)
    return found


def last_words(channel: str, addresses: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """What each address said last of each purpose, by address; in one query that reads only what decides."""
    rows = fetch_all(
        """
        SELECT DISTINCT ON (address, purpose) address, purpose, status FROM consent_events
        WHERE channel = %s AND address = ANY(%s::text[]) AND occurred_at <= statement_timestamp()
        ORDER BY address, purpose, occurred_at DESC, created_at DESC, id DESC
        """,
        [channel, array_literal(addresses)],
    )
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for address, purpose, status in rows:
        found[address][purpose] = status
    return found


def suppressions(channel: str, addresses: Iterable[str]) -> Mapping[str, str]:
    """The reason of the latest suppression in force for each address that has one, in one query."""
    rows = fetch_all(
        """
        SELECT address, reason FROM suppressions
        WHERE channel = %s AND address = ANY(%s::text[]) AND lifted_at IS NULL ORDER BY created_at
        """,
        [channel, array_literal(addresses)],
    )
    return dict(rows)
