"""The transport for tests, valid as it comes; a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from communications.choices import DeliveryMethod, EventKind
from communications.models import (
    AppointmentReminder,
    BulkSend,
    DeliveryEvent,
    IdempotencyKey,
    MessageData,
    MessageSchema,
    MessageSchemaVersion,
    ProviderCircuit,
    ReminderSchedule,
    SendBatch,
    SenderLine,
    SendingHold,
    TrackedLink,
    WebhookDelivery,
)
from config.accounts.tests.factories import UserFactory
from customers.choices import Channel, Purpose
from customers.tests.factories import AppointmentFactory, CustomerFactory

REMINDER_TEXT = (
    "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. "
    "Address: {{address}}. Reply CONFIRM or CANCEL."
)


class MessageSchemaFactory(DjangoModelFactory[MessageSchema]):
    """An SMS template without a version yet."""

    class Meta:
        model = MessageSchema

    code = factory.Sequence(lambda n: f"MSG-SCHEMA-TEST-{n:03d}")
    name = "Appointment reminder"
    message_delivery_method = DeliveryMethod.SMS
    template_schema: Any = factory.LazyFunction(lambda: {"message": REMINDER_TEXT})


class MessageSchemaVersionFactory(DjangoModelFactory[MessageSchemaVersion]):
    class Meta:
        model = MessageSchemaVersion

    message_schema = factory.SubFactory(MessageSchemaFactory)
    version = 1
    language = "en"
    template_schema: Any = factory.LazyFunction(lambda: {"message": REMINDER_TEXT})


class SendBatchFactory(DjangoModelFactory[SendBatch]):
    """A batch that waits."""

    class Meta:
        model = SendBatch

    channel = Channel.SMS
    provider = "twilio"
    purpose = Purpose.TRANSACTIONAL


class WorkingBatchFactory(SendBatchFactory):
    """A batch that some sender has claimed."""

    state = SendBatch.State.WORKING
    attempt = 1
    lease_until = datetime(2025, 11, 14, 15, 1, tzinfo=UTC)
    claimed_by = "sender@test"


class MessageDataFactory(DjangoModelFactory[MessageData]):
    """An SMS to a customer that waits to be sent, without template and batch."""

    class Meta:
        model = MessageData

    message_number = factory.Sequence(lambda n: f"MSG-2025-{n:05d}")
    customer = factory.SubFactory(CustomerFactory)
    recipient = factory.Sequence(lambda n: f"+1416{5_610_000 + n}")
    message_delivery_method = DeliveryMethod.SMS
    provider = "twilio"


class DeliveryEventFactory(DjangoModelFactory[DeliveryEvent]):
    class Meta:
        model = DeliveryEvent

    message_data = factory.SubFactory(MessageDataFactory)
    provider = "twilio"
    event_id = factory.Sequence(lambda n: f"event-{n}")
    kind = EventKind.DELIVERED


class ReminderScheduleFactory(DjangoModelFactory[ReminderSchedule]):
    class Meta:
        model = ReminderSchedule

    name = factory.Sequence(lambda n: f"The day before ({n})")
    message_schema = factory.SubFactory(MessageSchemaFactory)


class AppointmentReminderFactory(DjangoModelFactory[AppointmentReminder]):
    class Meta:
        model = AppointmentReminder

    schedule = factory.SubFactory(ReminderScheduleFactory)
    appointment = factory.SubFactory(AppointmentFactory)
    revision = 1
    message_data = factory.SubFactory(MessageDataFactory)


class WebhookDeliveryFactory(DjangoModelFactory[WebhookDelivery]):
    """A verified post that nobody has thought about yet."""

    class Meta:
        model = WebhookDelivery

    provider = "twilio"
    endpoint = "sms"
    url = "https://rapport.test/api/webhooks/twilio/sms"
    body = b"From=%2B14165551234&Body=CONFIRM"


class IdempotencyKeyFactory(DjangoModelFactory[IdempotencyKey]):
    class Meta:
        model = IdempotencyKey

    user = factory.SubFactory(UserFactory)
    key = factory.Sequence(lambda n: f"key-{n}")
    path = "/api/v1/message-data"
    request_hash = "0" * 64


class SenderLineFactory(DjangoModelFactory[SenderLine]):
    class Meta:
        model = SenderLine

    provider = "twilio"
    sender = factory.Sequence(lambda n: f"+1519558{n:04d}")
    per_second = 100


class SendingHoldFactory(DjangoModelFactory[SendingHold]):
    class Meta:
        model = SendingHold

    reason = "restored from last night"


class ProviderCircuitFactory(DjangoModelFactory[ProviderCircuit]):
    class Meta:
        model = ProviderCircuit

    provider = factory.Sequence(lambda n: f"provider-{n}")


class TrackedLinkFactory(DjangoModelFactory[TrackedLink]):
    class Meta:
        model = TrackedLink

    schema_version = factory.SubFactory(MessageSchemaVersionFactory)
    position = 1
    target = "https://rapport.test/offer"


class BulkSendFactory(DjangoModelFactory[BulkSend]):
    """Two recipients, none of them dealt with."""

    class Meta:
        model = BulkSend

    message_schema = factory.SubFactory(MessageSchemaFactory)
    recipients: Any = factory.LazyFunction(lambda: [{"recipient": "+14165550101"}, {"recipient": "+14165550102"}])
    total = 2
