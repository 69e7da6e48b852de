"""A conversation's thread, newest page first: messages, touches without a message (an adopted reminder), and events.

Three keyset queries and one for attachments, however long the conversation is. Within a page the oldest stands first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from interactions.models import CommunicationEvent, Conversation, Interaction, Message

PAGE_SIZE = 30
MOST_AT_ONCE = 300  # an open page that has gathered more than this begins again with the latest ones


@dataclass(frozen=True, kw_only=True, order=True)
class Cursor:
    """A place in the thread: what is older stands before it."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError for what was never a cursor."""
        at, _, key = text.partition("~")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("A cursor's time has a zone.")
        return cls(at=moment, id=UUID(key))


BEGINNING = Cursor(at=datetime(1970, 1, 1, tzinfo=UTC), id=UUID(int=0))


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing in the thread: when, and what (its own model says the rest)."""

    place: Cursor
    row: Message | Interaction | CommunicationEvent


@dataclass(frozen=True, kw_only=True)
class Page:
    """`before` asks for the page of older things; None where the conversation begins."""

    items: list[Item]
    before: Cursor | None


def thread(conversation: Conversation, *, before: Cursor | None = None, size: int = PAGE_SIZE) -> Page:
    """The `size` latest things of the conversation, or the latest ones before a place."""
    latest = _latest(conversation, lambda rows, moment: _older(rows, moment, before), size)
    shown = latest[:size]
    shown.reverse()
    return Page(items=shown, before=shown[0].place if len(latest) > size else None)


def thread_since(conversation: Conversation, since: Cursor) -> Page:
    """What stands at a place and after it: an open page reads again what it shows, and what is new."""
    latest = _latest(conversation, lambda rows, moment: _newer(rows, moment, since), MOST_AT_ONCE)
    return Page(items=latest[:MOST_AT_ONCE][::-1], before=since)


def _latest(conversation: Conversation, narrow: Callable[[QuerySet, str], QuerySet], size: int) -> list[Item]:
    """The latest things, newest first: one more than `size`, where there are so many."""
    sources = (
        (_messages(conversation), "sent_at"),
        (_silent_interactions(conversation), "interaction_ts"),
        (_events(conversation), "timestamp"),
    )
    items = chain.from_iterable(_items(narrow(rows, moment), moment, size) for rows, moment in sources)
    return sorted(items, key=lambda item: item.place, reverse=True)[: size + 1]


def _items(rows: QuerySet, moment: str, size: int) -> Iterable[Item]:
    for row in rows.order_by(f"-{moment}", "-id")[: size + 1]:
        yield Item(place=Cursor(at=getattr(row, moment), id=row.pk), row=row)


def _older(rows: QuerySet, moment: str, place: Cursor | None) -> QuerySet:
    """The first condition is for the index, the second for rows of the same moment."""
    if place is None:
        return rows
    earlier = Q(**{f"{moment}__lt": place.at}) | Q(**{moment: place.at, "id__lt": place.id})
    return rows.filter(earlier, **{f"{moment}__lte": place.at})


def _newer(rows: QuerySet, moment: str, place: Cursor) -> QuerySet:
    later = Q(**{f"{moment}__gt": place.at}) | Q(**{moment: place.at, "id__gte": place.id})
    return rows.filter(later, **{f"{moment}__gte": place.at})


def _messages(conversation: Conversation) -> QuerySet[Message]:
    rows = Message.objects.filter(conversation=conversation)
    return rows.select_related("employee", "sms_details", "email_details").prefetch_related("attachments")


def _silent_interactions(conversation: Conversation) -> QuerySet[Interaction]:
    """Touches that have no message of their own; chunks of a long one count once."""
    spoken = Message.objects.filter(interaction=OuterRef("pk"))
    rows = Interaction.objects.filter(~Exists(spoken), conversation=conversation, parent_interaction__isnull=True)
    return rows.select_related("employee").defer("transcript_text", "integration_metadata", "geolocation")


def _events(conversation: Conversation) -> QuerySet[CommunicationEvent]:
    return CommunicationEvent.objects.filter(conversation=conversation)
