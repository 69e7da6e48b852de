"""What travels into the record: a message that came in, a message that went out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from interactions.choices import ContentType


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """One message as a provider brought it, in our words.

    `sender` and `recipient` are raw addresses of the channel; `channel_message_id` is the provider's id, or a hash of the
    raw message where it has none. `thread_message_ids` are ids of messages that it answers, nearest first.
    """

    channel: str
    line: str
    sender: str
    recipient: str
    content: str
    channel_message_id: str
    sender_name: str = ""
    content_type: str = ContentType.TEXT
    sent_at: datetime | None = None
    thread_message_ids: Sequence[str] = ()
    subject: str = ""
    media_urls: Sequence[str] = ()
    segments: int = 1
    opt_out_type: str = ""
    written_by_machine: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundRecord:
    """One message that a provider accepted, to be logged as the interaction `interaction_id`."""

    customer_id: UUID
    channel: str
    line: str
    content: str
    sent_at: datetime
    interaction_id: UUID = field(default_factory=uuid7)
    employee_id: UUID | None = None
    summary: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
