"""The record for tests, valid as it comes; a test names only what it is about."""

from typing import Any
from uuid import UUID

import factory
from factory.django import DjangoModelFactory
from uuid_utils.compat import uuid7

from customers.choices import Channel
from customers.tests.factories import CustomerFactory
from interactions.choices import Direction, EventType, InteractionSubtype, InteractionType, Role
from interactions.models import (
    AiAnalysis,
    Attachment,
    CommunicationEvent,
    ContextData,
    Conversation,
    EmailDetails,
    Interaction,
    Message,
    ProcessedMessage,
    SmsDetails,
    VoiceCallDetails,
)


class ConversationFactory(DjangoModelFactory[Conversation]):
    class Meta:
        model = Conversation

    customer = factory.SubFactory(CustomerFactory)
    initial_channel = Channel.SMS
    channel = factory.SelfAttribute("initial_channel")


class InteractionFactory(DjangoModelFactory[Interaction]):
    """An inbound SMS within a conversation of the same customer."""

    class Meta:
        model = Interaction

    interaction_number = factory.Sequence(lambda n: f"INT-2025-{n:05d}")
    conversation = factory.SubFactory(ConversationFactory)
    customer = factory.SelfAttribute("conversation.customer")
    interaction_type = InteractionType.SMS
    interaction_subtype = InteractionSubtype.INBOUND
    channel = "twilio"


class ChunkFactory(InteractionFactory):
    """The second of two chunks; it belongs to a first one."""

    parent_interaction = factory.SubFactory(InteractionFactory, total_chunks=2)
    conversation = factory.SelfAttribute("parent_interaction.conversation")
    chunk_number = 2
    total_chunks = 2
    is_primary_chunk = False


class MessageFactory(DjangoModelFactory[Message]):
    """What a customer wrote."""

    class Meta:
        model = Message

    interaction = factory.SubFactory(InteractionFactory)
    conversation = factory.SelfAttribute("interaction.conversation")
    channel = Channel.SMS
    direction = Direction.INBOUND
    role = Role.CUSTOMER
    content = "CONFIRM"


class SmsDetailsFactory(DjangoModelFactory[SmsDetails]):
    class Meta:
        model = SmsDetails

    message = factory.SubFactory(MessageFactory)
    from_number = "+14165551234"
    to_number = "+15195550100"


class EmailDetailsFactory(DjangoModelFactory[EmailDetails]):
    class Meta:
        model = EmailDetails

    message = factory.SubFactory(MessageFactory, channel=Channel.EMAIL)
    subject = "My furnace"
    body_text = "It does not heat."
    from_address = "jane@example.test"
    to_addresses = factory.LazyFunction(lambda: ["support@rapport.test"])


class VoiceCallDetailsFactory(DjangoModelFactory[VoiceCallDetails]):
    class Meta:
        model = VoiceCallDetails

    message = factory.SubFactory(MessageFactory, channel=Channel.VOICE)
    from_number = "+14165551234"
    duration_seconds = 525


class AttachmentFactory(DjangoModelFactory[Attachment]):
    class Meta:
        model = Attachment

    message = factory.SubFactory(MessageFactory)
    type = "image"
    filename = "furnace.jpg"
    size_bytes = 2048


class AiAnalysisFactory(DjangoModelFactory[AiAnalysis]):
    class Meta:
        model = AiAnalysis

    message = factory.SubFactory(MessageFactory)
    classification: Any = factory.LazyFunction(lambda: {"intent": "confirmation"})


class ContextDataFactory(DjangoModelFactory[ContextData]):
    class Meta:
        model = ContextData

    customer = factory.SubFactory(CustomerFactory)
    context_type = "booking"
    data: Any = factory.LazyFunction(lambda: {"service": "HVAC Maintenance"})


class CommunicationEventFactory(DjangoModelFactory[CommunicationEvent]):
    class Meta:
        model = CommunicationEvent

    conversation = factory.SubFactory(ConversationFactory)
    event_type = EventType.INTENT_DETECTED


class ProcessedMessageFactory(DjangoModelFactory[ProcessedMessage]):
    class Meta:
        model = ProcessedMessage

    message_id: UUID = factory.LazyFunction(uuid7)
