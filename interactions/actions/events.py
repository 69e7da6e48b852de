"""Events beside the messages of a conversation."""

from typing import Any

from interactions.models import CommunicationEvent, Message


def record_event(message: Message, event_type: str, **details: Any) -> CommunicationEvent:
    """Something happened because of `message`."""
    return CommunicationEvent.objects.create(
        conversation_id=message.conversation_id, message=message, event_type=event_type, details=details
    )
