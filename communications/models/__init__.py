"""The transport: templates, messages and their batches, delivery events, the inbound journal, reminders, links,
lines and their providers."""

from communications.models.bulk_send import BulkSend
from communications.models.delivery_event import DeliveryEvent
from communications.models.idempotency import IdempotencyKey
from communications.models.message_data import MessageData
from communications.models.reminder import AppointmentReminder, ReminderSchedule
from communications.models.schema import MessageSchema, MessageSchemaVersion
from communications.models.send_batch import SendBatch
from communications.models.sender_line import ProviderCircuit, SenderLine
from communications.models.sending_hold import SendingHold
from communications.models.tracking import TrackedLink
from communications.models.webhook_delivery import WebhookDelivery

__all__ = [
    "AppointmentReminder",
    "BulkSend",
    "DeliveryEvent",
    "IdempotencyKey",
    "MessageData",
    "MessageSchema",
    "MessageSchemaVersion",
    "ProviderCircuit",
    "ReminderSchedule",
    "SendBatch",
    "SenderLine",
    "SendingHold",
    "TrackedLink",
    "WebhookDelivery",
]
