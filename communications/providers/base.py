"""The protocol that every provider module speaks, and the facts that travel through it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Any, Protocol
from uuid import UUID

from django.http import HttpRequest

from communications.choices import EventKind
from interactions.actions.facts import InboundMessage


class Outcome(StrEnum):
    """What a call did. Only `accepted` and `uncertain` may have reached a person."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # for good: this message will never be taken
    RETRY = "retry"  # provably not taken; later it may be
    DOWN = "down"  # provably not taken, and nothing else would be either
    UNCERTAIN = "uncertain"  # the request left, no readable answer came


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file in storage that goes with every mail of a version."""

    key: str
    name: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EmailTemplate:
    """What all mails of one template version share. Each part is its static pieces, with room for a slot between two.

    One object serves all rows of a batch, so a provider may group by it.
    """

    version_id: UUID
    subject: tuple[str, ...]
    html: tuple[str, ...]
    text: tuple[str, ...]
    sender_name: str = ""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailSlots:
    """One person's part of a mail, rendered: one text a slot, one fewer than the template's static pieces.

    `headers` are this person's own, such as List-Unsubscribe and Message-ID.
    """

    subject: Sequence[str]
    html: Sequence[str]
    text: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """One message on its way out. `reference` is our own id, which travels with it so that events find their message.

    `text` is an SMS; an e-mail is its `template` with the person's `slots` in it.
    """

    reference: UUID
    channel: str
    recipient: str
    sender: str
    text: str = ""
    template: EmailTemplate | None = None
    slots: EmailSlots | None = None
    recipient_name: str = ""
    expires_at: datetime | None = None
    created_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def joined(static: Sequence[str], slots: Sequence[str]) -> str:
    """A part of an e-mail for one person: static pieces and slots in turn."""
    return "".join(chain.from_iterable(zip_longest(static, slots, fillvalue="")))


@dataclass(frozen=True, kw_only=True, slots=True)
class SendResult:
    """The provider's answer for one message; `retry_after` in seconds; `opted_out`: it says the person wants nothing.

    `throttled`: it is well, and asks us to slow down.
    """

    reference: UUID
    outcome: Outcome
    provider_message_id: str = ""
    error_code: str = ""
    detail: str = ""
    retry_after: float | None = None
    segments: int | None = None
    price: Decimal | None = None
    price_currency: str = ""
    opted_out: bool = False
    throttled: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliveryReceipt:
    """One thing a provider tells of one message. `event_id` is the same for a repeat and different for anything new.

    `occurred_at` is the provider's clock, where it says; `received_at` is when we heard of it, if not now. `consent_known`:
    what it tells of the person's wish stands in the ledger already, since our own page wrote both.
    """

    reference: UUID
    provider: str
    event_id: str
    kind: EventKind
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    provider_message_id: str = ""
    error_code: str = ""
    reason: str = ""
    url: str = ""
    user_agent: str = ""
    ip_address: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    delivery_id: UUID | None = None
    consent_known: bool = False


@dataclass(frozen=True, kw_only=True)
class StoredRequest:
    """A webhook as it lies in the journal: parsing works on this, so a replay is the same path."""

    id: UUID
    provider: str
    endpoint: str
    url: str
    query_string: str
    headers: Mapping[str, str]
    content_type: str
    body: bytes
    received_at: datetime
    remote_address: str | None = None


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a provider can do; what it cannot, it says here."""

    channels: frozenset[str]
    calls_of: int = 1  # messages one call carries
    lookup: bool = False
    absent_after: float = 0.0  # seconds of doubt after which a message that no look-up finds was never taken
    inbound: bool = False
    events: bool = False


class Provider(Protocol):
    name: str
    capabilities: Capabilities

    async def send(self, batch: Sequence[OutboundMessage]) -> list[SendResult]:
        """One result per message, in order. Raises ProviderFailure only for the whole batch, none of it taken."""

    async def lookup(self, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        """What the provider knows of messages whose answer was lost: every candidate, or one NOT_FOUND, for each.

        Messages that could not be asked about have no receipt at all.
        """

    def verify(self, request: HttpRequest, url: str) -> None:
        """Raises WebhookRejected unless `request`, sent to the public address `url`, is signed by the provider."""

    def parse_inbound(self, stored: StoredRequest) -> Iterator[InboundMessage]:
        """The messages in a delivery. Raises UnreadableDelivery."""

    def parse_events(self, stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        """The receipts in a delivery. Raises UnreadableDelivery."""
