"""What the tests of one-word answers share: a reminded appointment, what we answered, what is still allowed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from communications.choices import MessageStatus
from communications.models import AppointmentReminder, MessageData
from communications.sending.claim import claim_due
from communications.sending.slices import prepare, waiting_rows
from communications.tests.factories import AppointmentReminderFactory, MessageDataFactory
from communications.tests.inbox import JOHN
from customers.choices import Purpose
from customers.consent import allowed, suppressions
from customers.models import Appointment, Customer
from customers.tests.factories import AppointmentFactory
from interactions.models import CommunicationEvent


def events() -> list[str]:
    return list(CommunicationEvent.objects.order_by("id").values_list("event_type", flat=True))


def replies() -> list[str]:
    """What we answered, each of them a row in a batch and a message in the thread."""
    rows = MessageData.objects.filter(message__isnull=False).select_related("batch", "message").order_by("id")
    assert all(row.batch and row.batch.state == "waiting" for row in rows)
    assert all(row.message and row.message.direction == "outbound" for row in rows)
    return [row.content_data["finalMessage"] for row in rows]


def may(purpose: Purpose, *, channel: str = "sms") -> bool:
    return allowed(channel, JOHN, purpose).allowed and JOHN not in suppressions(channel, [JOHN])


@pytest.fixture
def visit(john: Customer) -> Appointment:
    """An appointment of John's that is still to come."""
    starts_at = datetime.now(UTC) + timedelta(days=1)
    return AppointmentFactory(customer=john, starts_at=starts_at, time_zone="America/Toronto")


@pytest.fixture
def reminder(visit: Appointment) -> AppointmentReminder:
    """He was asked whether he comes."""
    sent = MessageDataFactory(
        customer=visit.customer,
        recipient=JOHN,
        appointment=visit,
        status=MessageStatus.SENT,
        sent_ts=datetime.now(UTC),
    )
    return AppointmentReminderFactory(appointment=visit, revision=visit.revision, message_data=sent)


def due(purpose: Purpose) -> list[Any]:
    """What a sender would now hand to the provider."""
    claims = claim_due(purpose, most_rows=100)
    return list(prepare(claims, [row.id for row in waiting_rows(claims)]).outbound) if claims else []
