from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from communications.models import MessageSchemaVersion, SendingHold
from communications.tests.factories import (
    AppointmentReminderFactory,
    BulkSendFactory,
    DeliveryEventFactory,
    IdempotencyKeyFactory,
    MessageDataFactory,
    MessageSchemaFactory,
    MessageSchemaVersionFactory,
    ProviderCircuitFactory,
    ReminderScheduleFactory,
    SendBatchFactory,
    SenderLineFactory,
    SendingHoldFactory,
    TrackedLinkFactory,
    WebhookDeliveryFactory,
    WorkingBatchFactory,
)
from config.accounts.tests.factories import UserFactory
from config.db import fetch_all
from config.tests.constraints import Break, assert_refused, histories_are_kept, indexes_of, tables_of, twice, without
from customers.tests.factories import AppointmentFactory, EmployeeFactory
from interactions.tests.factories import InteractionFactory, MessageFactory

NOON = datetime(2025, 11, 15, 17, 0, tzinfo=UTC)


def same(make: Callable[..., object], **others: Callable[[], object]) -> None:
    """Two rows that point at the same other row."""
    twice(make, **{field: other() for field, other in others.items()})()


def change_a_version() -> None:
    version = MessageSchemaVersionFactory()
    MessageSchemaVersion.objects.filter(pk=version.pk).update(subject="Another")


BREAKS: list[Break] = [
    ("d_message_schema_code_key", twice(MessageSchemaFactory, code="MSG-SCHEMA-APPT-001")),
    ("message_schema_method", lambda: MessageSchemaFactory(message_delivery_method="PIGEON")),
    ("message_schema_purpose", lambda: MessageSchemaFactory(purpose="pigeon")),
    ("message_schema_status", lambda: MessageSchemaFactory(status="pigeon")),
    ("message_schema_push", lambda: MessageSchemaFactory(push_priority="pigeon")),
    ("message_schema_version", lambda: MessageSchemaFactory(version=0)),
    ("message_schema_validity", lambda: MessageSchemaFactory(validity_seconds=0)),
    ("message_schema_version_unique", lambda: same(MessageSchemaVersionFactory, message_schema=MessageSchemaFactory)),
    ("schema_version_push", lambda: MessageSchemaVersionFactory(push_priority="pigeon")),
    ("schema_version_positive", lambda: MessageSchemaVersionFactory(version=0)),
    ("d_message_schema_version.immutable", change_a_version),
    ("d_message_schema_version.immutable", lambda: MessageSchemaVersionFactory().delete()),
    ("f_message_data_message_number_key", twice(MessageDataFactory, message_number="MSG-2025-00001")),
    ("f_message_data_interaction_id_key", lambda: same(MessageDataFactory, interaction=InteractionFactory)),
    ("f_message_data_message_id_key", lambda: same(MessageDataFactory, message=MessageFactory)),
    ("f_message_data_resend_of_id_key", lambda: same(MessageDataFactory, resend_of=MessageDataFactory)),
    ("message_data_method", lambda: MessageDataFactory(message_delivery_method="PIGEON")),
    ("message_data_status", lambda: MessageDataFactory(status="pigeon")),
    ("message_data_purpose", lambda: MessageDataFactory(purpose="pigeon")),
    ("message_data_decision", lambda: MessageDataFactory(decision="pigeon")),
    ("message_data_reason", lambda: MessageDataFactory(decision_reason="pigeon")),
    ("message_data_recipient", lambda: MessageDataFactory(recipient="")),
    ("message_data_one_recipient", lambda: MessageDataFactory(employee=EmployeeFactory())),
    ("message_data_retries", lambda: MessageDataFactory(retry_count=7, max_retries=6)),
    ("message_data_retries", lambda: MessageDataFactory(retry_count=-1)),
    ("message_data_skip_has_reason", lambda: MessageDataFactory(status="suppressed")),
    ("message_data_sent_paired", lambda: MessageDataFactory(status="sent")),
    ("message_data_sent_paired", lambda: MessageDataFactory(status="delivered", delivered_ts=NOON)),
    ("message_data_cost", lambda: MessageDataFactory(cost="-0.00001")),
    ("send_batches_state", lambda: SendBatchFactory(state="pigeon")),
    ("send_batches_channel", lambda: SendBatchFactory(channel="pigeon")),
    ("send_batches_purpose", lambda: SendBatchFactory(purpose="pigeon")),
    ("send_batches_row_count", lambda: SendBatchFactory(row_count=0)),
    ("send_batches_row_count", lambda: SendBatchFactory(row_count=1_001)),
    ("send_batches_counts", lambda: SendBatchFactory(attempt=-1)),
    ("send_batches_counts", lambda: SendBatchFactory(deaths=-1)),
    ("send_batches_lease_paired", lambda: WorkingBatchFactory(lease_until=None)),
    ("send_batches_lease_paired", lambda: SendBatchFactory(lease_until=NOON)),
    ("send_batches_in_flight_only_working", lambda: SendBatchFactory(in_flight=[uuid7()])),
    ("sending_holds_is_only_key", twice(SendingHold.objects.create, reason="restored")),
    ("sending_holds_only", lambda: SendingHold.objects.create(reason="restored", is_only=False)),
    ("sending_holds_reason", lambda: SendingHold.objects.create(reason="")),
    ("sender_lines_once", twice(SenderLineFactory, sender="+15195550100")),
    ("sender_lines_rate", lambda: SenderLineFactory(per_second=0)),
    ("sender_lines_burst", lambda: SenderLineFactory(burst=0)),
    ("sender_lines_tokens", lambda: SenderLineFactory(tokens=-1)),
    ("provider_circuits_provider_key", twice(ProviderCircuitFactory, provider="twilio")),
    (
        "provider_circuits_state",
        without(
            "provider_circuits",
            "provider_circuits_probe_paired",
            lambda: ProviderCircuitFactory(state="pigeon"),
        ),
    ),
    ("provider_circuits_counts", lambda: ProviderCircuitFactory(calls=-1)),
    ("provider_circuits_probe_paired", lambda: ProviderCircuitFactory(state="open")),
    ("tracked_links_once", lambda: same(TrackedLinkFactory, schema_version=MessageSchemaVersionFactory)),
    ("tracked_links_position", lambda: TrackedLinkFactory(position=0)),
    ("tracked_links_target", lambda: TrackedLinkFactory(target="")),
    ("bulk_sends_state", lambda: BulkSendFactory(state="pigeon")),
    ("bulk_sends_total", lambda: BulkSendFactory(total=10_001)),
    ("bulk_sends_progress", lambda: BulkSendFactory(position=3)),
    ("bulk_sends_done_is_all", lambda: BulkSendFactory(state="done", position=1)),
    ("delivery_events_once", twice(DeliveryEventFactory, event_id="event-1")),
    ("delivery_events_kind", lambda: DeliveryEventFactory(kind="pigeon")),
    ("reminder_schedules_name_key", twice(ReminderScheduleFactory, name="The day before")),
    ("reminder_schedules_days", lambda: ReminderScheduleFactory(days_before=61)),
    ("reminder_schedules_every", lambda: ReminderScheduleFactory(every_seconds=0)),
    (
        "appointment_reminders_once",
        lambda: same(AppointmentReminderFactory, schedule=ReminderScheduleFactory, appointment=AppointmentFactory),
    ),
    (
        "appointment_reminders_message_data_id_key",
        lambda: same(AppointmentReminderFactory, message_data=MessageDataFactory),
    ),
    ("appointment_reminders_state", lambda: AppointmentReminderFactory(state="pigeon")),
    ("appointment_reminders_answer_paired", lambda: AppointmentReminderFactory(state="answered")),
    ("appointment_reminders_answer_paired", lambda: AppointmentReminderFactory(answer="confirm")),
    ("webhook_deliveries_state", lambda: WebhookDeliveryFactory(state="pigeon")),
    ("webhook_deliveries_quarantine_reason", lambda: WebhookDeliveryFactory(state="quarantined")),
    ("webhook_deliveries_done_paired", lambda: WebhookDeliveryFactory(state="done")),
    ("idempotency_keys_once", lambda: same(IdempotencyKeyFactory, user=UserFactory, key=lambda: "key-1")),
    ("idempotency_keys_not_empty", lambda: IdempotencyKeyFactory(key="")),
    ("idempotency_keys_answer_paired", lambda: IdempotencyKeyFactory(status_code=201)),
    ("idempotency_keys_answer_paired", lambda: IdempotencyKeyFactory(response={"id": 1})),
    *histories_are_kept(MessageSchemaFactory, ReminderScheduleFactory, SenderLineFactory, SendingHoldFactory),
]

# what source 000 names
INDEXES = {
    "d_message_schema": {
        "idx_msg_schema_method": "(message_delivery_method)",
        "idx_msg_schema_active": "(active_flag)",
    },
    "f_message_data": {
        "idx_msg_data_schema": "(message_schema_id)",
        "idx_msg_data_recipient": "(recipient)",
        "idx_msg_data_status": "(status)",
        "idx_msg_data_sent": "(sent_ts)",
    },
}


@pytest.mark.django_db
@pytest.mark.parametrize(("promise", "break_it"), BREAKS)
def test_the_database_refuses_what_breaks_a_promise(promise, break_it):
    assert_refused(promise, break_it)


@pytest.mark.django_db
@pytest.mark.parametrize("table", INDEXES)
def test_the_indexes_that_source_000_names_exist(table):
    found = indexes_of(table)
    assert {name: found.get(name, "")[-len(end) :] for name, end in INDEXES[table].items()} == INDEXES[table]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "factor"), [("f_message_data", 85), ("send_batches", 70), ("webhook_deliveries", 85)]
)
def test_pages_keep_room_for_the_updates_that_will_come(table, factor):
    [(options,)] = fetch_all("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", [table])
    assert f"fillfactor={factor}" in options


@pytest.mark.django_db
def test_one_caller_may_use_a_key_that_another_caller_used():
    IdempotencyKeyFactory(key="key-1")
    IdempotencyKeyFactory(key="key-1")


@pytest.mark.django_db
def test_a_moved_appointment_is_reminded_again():
    first = AppointmentReminderFactory()
    AppointmentReminderFactory(schedule=first.schedule, appointment=first.appointment, revision=2)


@pytest.mark.django_db
def test_a_batch_is_due_at_its_time_and_abandoned_after_its_lease():
    waiting, working = SendBatchFactory(due_at=NOON), WorkingBatchFactory(lease_until=NOON)
    manager = type(waiting).objects
    assert list(manager.due(NOON)) == [waiting]
    assert list(manager.due(NOON - timedelta(seconds=1))) == []
    assert list(manager.abandoned(NOON + timedelta(seconds=1))) == [working]
    assert list(manager.abandoned(NOON)) == []


def test_the_tables_have_their_names():
    assert tables_of("communications").items() >= {
        ("MessageSchema", "d_message_schema"),
        ("MessageSchemaVersion", "d_message_schema_version"),
        ("MessageData", "f_message_data"),
        ("SendBatch", "send_batches"),
        ("DeliveryEvent", "delivery_events"),
        ("WebhookDelivery", "webhook_deliveries"),
        ("ReminderSchedule", "reminder_schedules"),
        ("AppointmentReminder", "appointment_reminders"),
        ("IdempotencyKey", "idempotency_keys"),
    }
