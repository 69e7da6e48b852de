"""The transport in the back office."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from communications import models
from communications.admin import message_data as message_admin
from communications.choices import DecisionKind, EventKind, MessageStatus, Reason
from communications.models import MessageData, MessageSchema, SendBatch, WebhookDelivery
from communications.tests import factories
from config.accounts.tests.factories import UserFactory
from config.tests.back_office import add_url, list_queries, list_url, models_of, read_only, row_url, shown_models

FACTORIES = {
    models.AppointmentReminder: factories.AppointmentReminderFactory,
    models.BulkSend: factories.BulkSendFactory,
    models.DeliveryEvent: factories.DeliveryEventFactory,
    models.IdempotencyKey: factories.IdempotencyKeyFactory,
    models.MessageData: factories.MessageDataFactory,
    models.MessageSchema: factories.MessageSchemaFactory,
    models.MessageSchemaVersion: factories.MessageSchemaVersionFactory,
    models.ProviderCircuit: factories.ProviderCircuitFactory,
    models.ReminderSchedule: factories.ReminderScheduleFactory,
    models.SendBatch: factories.SendBatchFactory,
    models.SenderLine: factories.SenderLineFactory,
    models.SendingHold: factories.SendingHoldFactory,
    models.TrackedLink: factories.TrackedLinkFactory,
    models.WebhookDelivery: factories.WebhookDeliveryFactory,
}
WRITABLE = (models.MessageSchema, models.ReminderSchedule, models.SenderLine)


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_every_model_has_a_page() -> None:
    assert set(models_of("communications")) == shown_models("communications") == set(FACTORIES)


@pytest.mark.parametrize("model", FACTORIES)
def test_each_list_and_each_row_opens_and_is_searched(staff: Client, model: type[Model]) -> None:
    row = FACTORIES[model]()

    for term in ("", "MSG-2025-00001", "+1 (416) 555-1234", "' OR 1=1"):
        assert staff.get(list_url(model, q=term)).status_code == 200
    assert staff.get(row_url(row)).status_code == 200


@pytest.mark.parametrize("model", [model for model in FACTORIES if model is not models.SendingHold])  # it has one row
def test_a_list_costs_the_same_for_one_row_and_for_twelve(staff: Client, model: type[Model]) -> None:
    FACTORIES[model]()
    for_one = list_queries(staff, model)
    for _ in range(11):
        FACTORIES[model]()

    assert len(list_queries(staff, model)) == len(for_one)


@pytest.mark.parametrize("model", [model for model in FACTORIES if model not in WRITABLE])
def test_what_the_program_writes_is_only_read(staff: Client, model: type[Model]) -> None:
    assert read_only(staff, FACTORIES[model]())


def test_a_message_says_first_why_it_was_not_sent(staff: Client) -> None:
    row = factories.MessageDataFactory(
        status=MessageStatus.SUPPRESSED,
        decision=DecisionKind.SKIP,
        decision_reason=Reason.OPTED_OUT,
        decision_detail="STOP by SMS on 3 March.",
        decided_ts=timezone.now(),
    )

    html = staff.get(row_url(row)).content.decode()

    assert "Skip: The person opted out" in html and "STOP by SMS on 3 March." in html
    assert html.index("STOP by SMS on 3 March.") < html.index(row.recipient)


def test_a_message_shows_its_events_in_order(staff: Client) -> None:
    row = factories.MessageDataFactory()
    for kind in (EventKind.QUEUED, EventKind.SENT, EventKind.DELIVERED):
        factories.DeliveryEventFactory(message_data=row, kind=kind, reason=f"<{kind}>")

    html = staff.get(row_url(row)).content.decode()

    places = [html.index(f"&lt;{kind}&gt;") for kind in ("queued", "sent", "delivered")]
    assert places == sorted(places)


def test_a_message_whose_call_is_under_way_shows_as_sending(staff: Client) -> None:
    batch = factories.WorkingBatchFactory()
    row = factories.MessageDataFactory(batch=batch)
    models.SendBatch.objects.filter(pk=batch.pk).update(in_flight=[row.pk])

    assert "Sending" in staff.get(row_url(row)).content.decode().split("rp-why", 1)[1][:1500]


def test_a_message_is_found_by_its_number_and_by_an_address_in_any_spelling(staff: Client) -> None:
    row = factories.MessageDataFactory(recipient="+14165551234")
    other = factories.MessageDataFactory()

    for term in (row.message_number, "(416) 555-1234"):
        html = staff.get(list_url(MessageData, q=term)).content.decode()
        assert str(row.pk) in html and str(other.pk) not in html


def act(client: Client, action: str, row: Model) -> str:
    form = {"action": action, "_selected_action": str(row.pk)}
    return client.post(list_url(type(row)), form, follow=True).content.decode()


def test_messages_in_doubt_are_looked_up_and_no_others(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = Mock(side_effect=lambda messages: messages.count())
    monkeypatch.setattr(message_admin, "look_up", look_up)
    doubtful = factories.MessageDataFactory(status=MessageStatus.UNCERTAIN)
    waiting = factories.MessageDataFactory()

    assert "settled: 1 of 1" in act(staff, "look_up_at_provider", doubtful)
    assert "settled: 0 of 0" in act(staff, "look_up_at_provider", waiting)
    look_up.assert_called_once()


def test_what_has_been_in_doubt_for_long_is_listed_for_a_person(staff: Client, settings: Any) -> None:
    settings.UNCERTAIN_STAFF_AFTER_SECONDS = 600
    now = timezone.now()
    old, young = (
        factories.MessageDataFactory(status=MessageStatus.UNCERTAIN, decided_ts=now - timedelta(seconds=age))
        for age in (700, 500)
    )
    sent = factories.MessageDataFactory(status=MessageStatus.SENT, sent_ts=now, decided_ts=now - timedelta(seconds=700))

    html = staff.get(list_url(MessageData, doubt="person")).content.decode()

    assert str(old.pk) in html
    assert str(young.pk) not in html and str(sent.pk) not in html


@pytest.mark.parametrize("status", ["failed", "bounced", "cancelled", "suppressed", "uncertain"])
def test_a_message_that_did_not_arrive_is_sent_again_once(staff: Client, status: str) -> None:
    row = factories.MessageDataFactory(status=status, decision_reason=Reason.UNDELIVERED)

    assert "Send again" in staff.get(row_url(row)).content.decode()
    assert f"{row.message_number} is sent again as MSG-" in act(staff, "send_again", row)

    fresh = MessageData.objects.get(resend_of=row)
    page = staff.get(row_url(row)).content.decode()
    assert "Send again" not in page and "Sent again as <a" in page and fresh.message_number in page
    assert f"It was sent again as {fresh.message_number}." in act(staff, "send_again", row)
    assert MessageData.objects.count() == 2


def test_what_arrived_is_not_sent_again(staff: Client) -> None:
    row = factories.MessageDataFactory(status=MessageStatus.DELIVERED, sent_ts=timezone.now())

    assert "Send again" not in staff.get(row_url(row)).content.decode()
    assert "this message is delivered" in act(staff, "send_again", row)
    assert MessageData.objects.count() == 1


def test_whoever_may_only_read_messages_sends_none_again(client: Client, db: None) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_messagedata"))
    client.force_login(reader)
    row = factories.MessageDataFactory(status=MessageStatus.FAILED)

    act(client, "send_again", row)

    assert "Send again" not in client.get(row_url(row)).content.decode()
    assert MessageData.objects.count() == 1


def test_a_delivery_is_shown_raw_and_harmless(staff: Client) -> None:
    delivery = factories.WebhookDeliveryFactory(
        body=b"Body=%3Cscript%3Ealert(1)%3C/script%3E&Odd=\xff\x00<b>",
        content_type="application/x-www-form-urlencoded",
        state=WebhookDelivery.State.QUARANTINED,
        reason="Sender +1 is no phone number.",
    )

    html = staff.get(row_url(delivery)).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html and "<script>alert(1)" not in html
    assert "\ufffd" in html and "\x00" not in html
    assert "Sender +1 is no phone number." in html and "Replay" in html


def test_a_quarantined_delivery_is_replayed(staff: Client) -> None:
    delivery = factories.WebhookDeliveryFactory(state=WebhookDelivery.State.QUARANTINED, reason="Unreadable")

    assert "To be processed again: 1." in act(staff, "replay_deliveries", delivery)
    delivery.refresh_from_db()
    assert delivery.state == WebhookDelivery.State.RECEIVED


def test_whoever_may_only_read_the_journal_replays_nothing(client: Client, db: None) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_webhookdelivery"))
    client.force_login(reader)
    delivery = factories.WebhookDeliveryFactory(state=WebhookDelivery.State.QUARANTINED, reason="Unreadable")

    act(client, "replay_deliveries", delivery)

    assert "Replay" not in client.get(row_url(delivery)).content.decode()
    delivery.refresh_from_db()
    assert delivery.state == WebhookDelivery.State.QUARANTINED


def test_a_parked_batch_is_tried_again(staff: Client) -> None:
    batch = factories.SendBatchFactory(state=SendBatch.State.PARKED, deaths=4)

    assert "Try again" in staff.get(row_url(batch)).content.decode()
    assert "Parked batches that are tried again: 1." in act(staff, "try_again", batch)
    batch.refresh_from_db()
    assert batch.state == SendBatch.State.WAITING


def test_whoever_may_only_read_the_queue_tries_nothing_again(client: Client, db: None) -> None:
    reader = UserFactory(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_sendbatch"))
    client.force_login(reader)
    batch = factories.SendBatchFactory(state=SendBatch.State.PARKED, deaths=4)

    act(client, "try_again", batch)

    assert "Try again" not in client.get(row_url(batch)).content.decode()
    batch.refresh_from_db()
    assert batch.state == SendBatch.State.PARKED


def schema_form(**changes: str) -> dict[str, str]:
    form = {
        "name": "Reminder",
        "message_delivery_method": "SMS",
        "purpose": "transactional",
        "category": "APPT",
        "code": "",
        "message": "Hi {{ firstName }}",
        "template_schema": "{}",
        "status": "published",
        "active_flag": "on",
        "default_language": "en",
        "from_ts_0": "2026-01-01",
        "from_ts_1": "00:00:00",
        "attachments": "[]",
        "metadata": "{}",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }
    return form | changes


def test_saving_a_template_gives_it_a_code_and_makes_a_version_each_time(staff: Client) -> None:
    assert staff.post(add_url(MessageSchema), schema_form()).status_code == 302
    schema = MessageSchema.objects.get()
    again = schema_form(code=schema.code, message="Hello {{ firstName }}")

    assert staff.post(row_url(schema), again).status_code == 302
    schema.refresh_from_db()
    assert schema.code.startswith("MSG-SCHEMA-APPT-")
    assert schema.template_schema["message"] == "Hello {{ firstName }}"
    assert [v.template_schema["message"] for v in schema.versions.order_by("version")] == [
        "Hi {{ firstName }}",
        "Hello {{ firstName }}",
    ]


@pytest.mark.parametrize("message", ["Hi {{ firstName", "{% if x %}", "   ", "x" * 1601])
def test_a_template_that_cannot_be_used_is_told_at_its_field_and_nothing_is_stored(staff: Client, message: str) -> None:
    answer = staff.post(add_url(MessageSchema), schema_form(message=message))

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["message"]
    assert not MessageSchema.objects.exists()


def test_a_whatsapp_template_is_text_with_the_id_of_what_was_approved(staff: Client) -> None:
    form = schema_form(message_delivery_method="WHATSAPP", message="Hi {{ x }}!", whatsapp_template_id="HX1")

    assert staff.post(add_url(MessageSchema), form).status_code == 302
    assert MessageSchema.objects.get().template_schema["approvedText"] == "Hi {{1}}!"


def test_a_broken_subject_is_told_at_its_field(staff: Client) -> None:
    blocks = '{"blocks": [{"type": "text", "content": "Hello"}]}'
    form = schema_form(message_delivery_method="EMAIL", template_schema=blocks, subject="Save {{ x", preview_text="")

    answer = staff.post(add_url(MessageSchema), form)

    assert "subject" in answer.context["adminform"].form.errors
    assert not MessageSchema.objects.filter(name=form["name"]).exists()


def test_a_reminder_schedule_is_made(staff: Client, reminder_schema: MessageSchema) -> None:
    form = {
        "name": "The day before",
        "message_schema": str(reminder_schema.pk),
        "days_before": "1",
        "local_time": "10:00:00",
        "active": "on",
        "every_seconds": "300",
        "next_run_at_0": "2026-01-01",
        "next_run_at_1": "00:00:00",
    }

    assert staff.post(add_url(models.ReminderSchedule), form).status_code == 302
    assert models.ReminderSchedule.objects.get().days_before == 1


def test_a_bulk_requests_page_leads_to_its_messages(staff: Client) -> None:
    bulk = factories.BulkSendFactory(position=2, accepted=1)
    own, other = factories.MessageDataFactory(bulk=bulk), factories.MessageDataFactory()
    address = f"{list_url(MessageData)}?bulk__id__exact={bulk.pk}"

    assert address in staff.get(row_url(bulk)).content.decode()
    html = staff.get(address).content.decode()
    assert str(own.pk) in html and str(other.pk) not in html


def test_a_bulk_requests_page_says_who_was_refused_and_why(staff: Client) -> None:
    refused = [{"index": 1, "attr": "recipient", "code": "invalid_phone", "detail": "No such <b>number</b>."}]
    bulk = factories.BulkSendFactory(total=3, position=2, accepted=1, refused=refused)

    html = staff.get(row_url(bulk)).content.decode()

    assert "2 of 3 recipients dealt with: 1 taken on, 1 refused" in html
    assert "Recipient 2" in html and "No such &lt;b&gt;number&lt;/b&gt;." in html


def test_a_list_of_bulk_requests_leaves_their_recipients_where_they_are(staff: Client) -> None:
    factories.BulkSendFactory()

    assert not any('"recipients"' in sql or '"refused"' in sql for sql in list_queries(staff, models.BulkSend))


def test_a_bulk_requests_page_stays_short(staff: Client) -> None:
    bulk = factories.BulkSendFactory(total=10_000, recipients=[{"recipient": f"+1{n}"} for n in range(10_000)])

    html = staff.get(row_url(bulk)).content.decode()

    assert "+199&quot;" in html and "+1100&quot;" not in html and "And 9,900 more" in html


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"provider": "twillio"}, "is not one of the available choices"),
        ({"per_second": "0"}, "greater than or equal to 0.001"),
        ({"burst": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_line_that_means_nothing_is_refused_at_its_field(
    staff: Client, values: dict[str, str], sentence: str
) -> None:
    line = {"provider": "twilio", "sender": "", "per_second": "5", "burst": "5", **values}

    assert sentence in staff.post(add_url(models.SenderLine), line).content.decode()
    assert not models.SenderLine.objects.exists()
