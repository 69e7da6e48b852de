"""What somebody wants sent, before anything is decided or written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import BulkSend, MessageData, MessageSchema, MessageSchemaVersion
from customers.choices import Channel, Purpose
from customers.models import Appointment, Customer, Employee
from interactions.models import Conversation


@dataclass(frozen=True, kw_only=True)
class MessageRequest:
    """A message to a customer, an employee or a raw address.

    An empty `recipient` means the person's own address for the template's channel. `variables` win over derived ones.
    So long may it be taken back before it leaves: `undo_seconds`. `version`: this one, published or not, instead of the
    current one of the recipient's language. `is_test`: to an address that becomes no customer, whatever the purpose.
    """

    schema: MessageSchema
    version: MessageSchemaVersion | None = None
    customer: Customer | None = None
    employee: Employee | None = None
    recipient: str = ""
    recipient_name: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    appointment: Appointment | None = None
    conversation: Conversation | None = None
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None
    undo_seconds: int = 0
    purpose: Purpose | None = None
    resend_of: MessageData | None = None
    bulk: BulkSend | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_test: bool = False

    @property
    def channel(self) -> Channel:
        return CHANNEL_OF_METHOD[DeliveryMethod(self.schema.message_delivery_method)]
