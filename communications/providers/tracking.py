"""Our own pages as a teller of events: a picture that was asked for, a link that was followed, a person who wants no more.

They pass through the journal and the fold like any provider's, so a replay is the same path. Nothing is sent here.
"""

import json
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.http import HttpRequest

from communications.choices import EventKind
from communications.exceptions import ProviderFailure, UnreadableDelivery, WebhookRejected
from communications.providers.base import Capabilities, DeliveryReceipt, OutboundMessage, SendResult, StoredRequest
from interactions.actions.facts import InboundMessage

_KINDS = {"open": EventKind.OPENED, "click": EventKind.CLICKED, "unsubscribe": EventKind.UNSUBSCRIBED}


class Tracking:
    name = "tracking"
    capabilities = Capabilities(channels=frozenset(), events=True)

    async def send(self, batch: Sequence[OutboundMessage]) -> list[SendResult]:
        raise ProviderFailure("permanent", "Nothing is sent by our own pages.")

    async def lookup(self, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        return []

    def verify(self, request: HttpRequest, url: str) -> None:
        raise WebhookRejected("Nobody posts these: they are written by our own pages.")

    def parse_inbound(self, stored: StoredRequest) -> Iterator[InboundMessage]:
        raise UnreadableDelivery("No message comes this way.")

    def parse_events(self, stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        """One event; its id is the delivery's. `body` is what `tracking.hits` wrote."""
        try:
            facts, kind = json.loads(stored.body), _KINDS[stored.endpoint]
            message = UUID(facts["message"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableDelivery(f"This is no hit of ours: {error}") from error
        yield DeliveryReceipt(
            reference=message,
            provider=self.name,
            event_id=str(stored.id),
            kind=kind,
            occurred_at=stored.received_at,
            received_at=stored.received_at,
            url=facts.get("target", ""),
            user_agent=stored.headers.get("User-Agent", ""),
            ip_address=stored.remote_address,
            payload={**facts, "headers": dict(stored.headers)},
            delivery_id=stored.id,
            consent_known=True,
        )
