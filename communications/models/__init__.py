"""The transport: templates, messages and their batches, delivery events, the inbound journal, reminders."""

from communications.models.delivery_event import DeliveryEvent
from communications.models.idempotency import IdempotencyKey
from communications.models.message_data import MessageData
from communications.models.reminder import AppointmentReminder, ReminderSchedule
from communications.models.schema import MessageSchema, MessageSchemaVersion
from communications.models.send_batch import SendBatch
from communications.models.webhook_delivery import WebhookDelivery

__all__ = [
    "AppointmentReminder",
    "DeliveryEvent",
    "IdempotencyKey",
    "MessageData",
    "MessageSchema",
    "MessageSchemaVersion",
    "ReminderSchedule",
    "SendBatch",
    "WebhookDelivery",
]
