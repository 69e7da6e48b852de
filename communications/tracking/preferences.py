"""What an address wants, as its unsubscribe page shows it: derived from the ledger, never stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import MessageData
from customers import consent
from customers.choices import ConsentPurpose, ConsentStatus
from customers.models import ConsentEvent

LINK = "link:"  # how the reference begins of all that was said by a link in a message


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """`off` is the opt-out that holds, the widest first; None where nobody opted out."""

    events: Sequence[ConsentEvent]
    off: ConsentEvent | None

    @property
    def may_undo(self) -> bool:
        """A link takes back what a link did: not a STOP, a complaint, or what somebody told us otherwise."""
        return self.off is not None and self.off.reference.startswith(LINK)

    def said(self, purpose: str) -> list[ConsentEvent]:
        return [event for event in self.events if event.purpose == purpose]


def preferences_of(message: MessageData) -> Preferences:
    """What the message's own address wants on its channel."""
    channel = CHANNEL_OF_METHOD[DeliveryMethod(message.message_delivery_method)]
    events = consent.ledger(channel, [message.recipient])[message.recipient]
    last = {event.purpose: event for event in events}
    widest_first = (last.get(ConsentPurpose.ALL), last.get(ConsentPurpose.MARKETING))
    off = next((event for event in widest_first if event and event.status == ConsentStatus.OPT_OUT), None)
    return Preferences(events=events, off=off)
