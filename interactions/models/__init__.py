"""The record: conversations, interactions, messages and what hangs on them."""

from interactions.models.analysis import AiAnalysis
from interactions.models.attachment import Attachment
from interactions.models.channel_details import EmailDetails, SmsDetails, VoiceCallDetails
from interactions.models.context import ContextData
from interactions.models.conversation import Conversation
from interactions.models.events import CommunicationEvent, ProcessedMessage
from interactions.models.interaction import Interaction
from interactions.models.message import Message

__all__ = [
    "AiAnalysis",
    "Attachment",
    "CommunicationEvent",
    "ContextData",
    "Conversation",
    "EmailDetails",
    "Interaction",
    "Message",
    "ProcessedMessage",
    "SmsDetails",
    "VoiceCallDetails",
]
