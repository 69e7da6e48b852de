"""Sending again: a new row that says the same, once for each message, and only what did not arrive."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications import wake
from communications.actions.messages import reply_to_conversation, send_message
from communications.actions.resend import resend_message
from communications.actions.schemas import save_schema
from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.sending.run import send_due
from communications.tests.engine_fixtures import provider
from communications.tests.factories import AppointmentReminderFactory
from communications.tests.orders import request, template
from config.accounts.tests.factories import UserFactory
from customers.models import Appointment, Customer
from customers.tests.database import at_once, stored
from customers.tests.factories import AppointmentFactory
from interactions.models import Message
from interactions.tests.factories import ConversationFactory

__all__ = ["provider"]
pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def lost(message: MessageData, status: str = "failed", **values: Any) -> MessageData:
    """As if the provider had refused it."""
    became = {"status": status, "decision_reason": Reason.UNDELIVERED, "failed_ts": timezone.now(), **values}
    MessageData.objects.filter(pk=message.pk).update(**became)
    return MessageData.objects.get(pk=message.pk)


@pytest.fixture
def order(john: Customer) -> MessageData:
    """A message that failed."""
    return lost(send_message(request(template(), customer=john, metadata={"order": 7})))


def refusal(message: MessageData, **values: Any) -> str:
    before = stored()
    with pytest.raises(SendRefused) as refused:
        resend_message(message, **values)
    assert stored() == before
    return refused.value.code


def test_a_new_row_says_the_same_and_the_old_one_stands(order: MessageData, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(wake, "sender", woken.append)
    clerk = UserFactory()

    fresh = resend_message(order, by=clerk)

    fresh.refresh_from_db()
    assert (fresh.resend_of, fresh.created_by, fresh.status, fresh.possible_duplicate) == (
        order,
        clerk,
        "pending",
        False,
    )
    assert fresh.message_number != order.message_number
    same = ("customer", "recipient", "schema_version", "content_data", "metadata", "purpose", "cost", "sender")
    assert [getattr(fresh, name) for name in same] == [getattr(order, name) for name in same]
    assert fresh.batch and fresh.batch != order.batch and fresh.batch.due_at <= timezone.now()
    assert (fresh.failed_ts, fresh.sent_ts, fresh.provider_message_id, fresh.retry_count) == (None, None, "", 0)
    assert woken == ["transactional"]
    order.refresh_from_db()
    assert order.status == "failed"


def test_it_says_what_it_said_though_the_template_has_changed(order: MessageData) -> None:
    schema = order.message_schema
    assert schema
    schema.template_schema = {"message": "Something else."}
    save_schema(schema)

    fresh = resend_message(order)

    assert fresh.content_data["finalMessage"] == "Hi John, order 7 is ready."
    assert fresh.schema_version == order.schema_version


@pytest.mark.parametrize("status", ["failed", "bounced", "cancelled", "suppressed"])
def test_what_did_not_arrive_may_be_sent_again(order: MessageData, status: str) -> None:
    assert resend_message(lost(order, status, decision_reason=Reason.OPTED_OUT)).resend_of == order


@pytest.mark.parametrize("status", ["pending", "scheduled", "sent", "delivered"])
def test_what_is_under_way_or_arrived_may_not(order: MessageData, status: str) -> None:
    MessageData.objects.update(status=status, sent_ts=timezone.now())

    assert refusal(order) == "not_resendable"
    assert refusal(order, despite_doubt=True) == "not_resendable"


def test_each_is_sent_again_once_and_so_is_what_came_of_it(order: MessageData) -> None:
    second = resend_message(order)

    assert refusal(order) == "already_resent"
    assert resend_message(lost(second)).resend_of == second


def test_what_is_in_doubt_needs_a_persons_word_and_counts_as_lost_then(order: MessageData) -> None:
    clerk = UserFactory(name="Emily Thompson")
    doubt = lost(order, "uncertain", failed_ts=None)
    assert refusal(doubt) == "in_doubt"

    fresh = resend_message(doubt, by=clerk, despite_doubt=True)

    doubt.refresh_from_db()
    assert (doubt.status, doubt.failed_ts is None) == ("failed", False)
    assert doubt.decision_detail == "Taken for lost by Emily Thompson and sent again."
    assert fresh.possible_duplicate


@pytest.mark.parametrize("reason", [Reason.MISSING_VARIABLE, Reason.TEMPLATE_ERROR, Reason.TOO_LONG])
def test_what_has_no_content_to_be_sent_may_not(order: MessageData, reason: Reason) -> None:
    assert refusal(lost(order, "suppressed", decision_reason=reason)) == "unsendable"


def test_the_templates_validity_begins_anew(john: Customer) -> None:
    code = lost(send_message(request(template(validity_seconds=600), customer=john)))
    MessageData.objects.update(expires_ts=timezone.now() - HOUR)

    expires = resend_message(code).expires_ts

    assert expires and timedelta() < expires - timezone.now() <= timedelta(seconds=600)


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (-1, False)])
def test_a_moment_that_was_named_holds_while_it_is_to_come(order: MessageData, hours: int, kept: bool) -> None:
    named = timezone.now() + hours * HOUR
    MessageData.objects.update(expires_ts=named)

    assert resend_message(order).expires_ts == (named if kept else None)


# --- reminders and replies -------------------------------------------------------------------------------------------


@pytest.fixture
def reminder(order: MessageData, john: Customer) -> MessageData:
    visit = AppointmentFactory(customer=john, starts_at=timezone.now() + HOUR)
    AppointmentReminderFactory(appointment=visit, message_data=order)
    MessageData.objects.update(appointment=visit)
    return MessageData.objects.get()


def test_a_reminder_that_is_still_true_is_sent_again(reminder: MessageData) -> None:
    assert resend_message(reminder).appointment == reminder.appointment


@pytest.mark.parametrize(
    "change",
    [
        {"status": Appointment.Status.CANCELLED, "cancelled_at": timezone.now()},
        {"starts_at": timezone.now() - HOUR},
        {"starts_at": timezone.now() + 2 * HOUR},
    ],
    ids=["cancelled", "over", "moved"],
)
@pytest.mark.parametrize("again", [False, True], ids=["the first", "a resend"])
def test_a_reminder_of_what_has_changed_is_not(reminder: MessageData, change: dict[str, Any], again: bool) -> None:
    message = lost(resend_message(reminder)) if again else reminder
    Appointment.objects.update(**change)

    assert refusal(message) == "withdrawn"


def test_what_was_withdrawn_stays_so(order: MessageData) -> None:
    assert refusal(lost(order, "cancelled", decision_reason=Reason.WITHDRAWN)) == "withdrawn"


def test_a_reply_stands_in_the_thread_once_more(john: Customer) -> None:
    talk = ConversationFactory(customer=john)
    answer = lost(reply_to_conversation(talk, text="We are on our way.", metadata={"a": 1}))

    fresh = resend_message(answer)

    assert (fresh.resend_of, fresh.conversation, fresh.metadata) == (answer, talk, {"a": 1})
    assert fresh.message and fresh.message != answer.message
    assert list(Message.objects.values_list("content", flat=True)) == ["We are on our way."] * 2
    assert MessageData.objects.get(pk=fresh.pk).resend_of == answer


# --- racing and arriving ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_four_who_send_it_again_at_once_one_does() -> None:
    message = lost(send_message(request(template(), recipient="+14165551234", recipient_name="John Smith")))

    def again() -> str:
        try:
            return resend_message(message).status
        except SendRefused as refused:
            return refused.code

    assert sorted(at_once(*[again] * 4)) == ["already_resent"] * 3 + ["pending"]
    assert MessageData.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_it_arrives(provider: Emulator) -> None:
    message = lost(send_message(request(template(), recipient="+14165551234", recipient_name="John Smith")))
    fresh = resend_message(message)

    send_due("transactional")

    fresh.refresh_from_db()
    assert fresh.status == MessageStatus.SENT
    assert [entry["body"] for entry in provider.messages()] == ["Hi John, order 7 is ready."]
