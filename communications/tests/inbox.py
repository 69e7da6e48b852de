"""What comes in, and what went out before it, as facts."""

from datetime import UTC, datetime
from typing import Any

from customers.models import Customer
from interactions.actions.facts import InboundMessage, OutboundRecord

OURS = "+15195550100"
JOHN = "+14165551234"


def sms(text: str, *, sender: str = JOHN, sid: str = "", **values: Any) -> InboundMessage:
    facts = {"channel": "sms", "line": "twilio", "recipient": OURS, **values}
    return InboundMessage(sender=sender, content=text, channel_message_id=sid or f"SM-{sender}-{text}", **facts)


def whatsapp(text: str, *, sender: str = JOHN, **values: Any) -> InboundMessage:
    return sms(text, sender=f"whatsapp:{sender}", channel="whatsapp", line="whatsapp", **values)


def mail(text: str, *, sender: str, **values: Any) -> InboundMessage:
    return sms(text, sender=sender, channel="email", line="sendgrid", **{"recipient": "us@rapport.test", **values})


def sent_to(customer: Customer) -> OutboundRecord:
    return OutboundRecord(
        customer_id=customer.pk, channel="sms", line="twilio", content="Hello", sent_at=datetime.now(UTC)
    )
