"""What staff set up is followed; what senders write every second is not."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from communications.models import MessageSchema, ReminderSchedule, SenderLine, SendingHold
from communications.tests import factories
from config.accounts.tests.factories import UserFactory
from config.history.changes import history_of
from config.history.tracking import history_model
from config.tests.back_office import history_url

FACTORIES = {
    MessageSchema: factories.MessageSchemaFactory,
    ReminderSchedule: factories.ReminderScheduleFactory,
    SenderLine: factories.SenderLineFactory,
    SendingHold: factories.SendingHoldFactory,
}


@pytest.mark.parametrize("model", FACTORIES)
def test_each_has_a_history_page(client: Client, db: None, model: Any) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    row = FACTORIES[model]()

    html = client.get(history_url(row)).content.decode()

    assert "Made" in html and "The program itself, or SQL" in html


@pytest.mark.django_db
def test_tokens_of_a_line_and_runs_of_a_schedule_are_no_history() -> None:
    line, schedule = factories.SenderLineFactory(), factories.ReminderScheduleFactory()
    now = timezone.now()

    SenderLine.objects.update(tokens=0.5, tokens_at=now, updated_ts=now)
    ReminderSchedule.objects.update(last_run_at=now, next_run_at=now, updated_ts=now)
    assert [history_model(type(row)).objects.count() for row in (line, schedule)] == [1, 1]  # type: ignore[union-attr]

    SenderLine.objects.update(paused=True)
    ReminderSchedule.objects.update(active=False)
    assert [history_model(type(row)).objects.count() for row in (line, schedule)] == [2, 2]  # type: ignore[union-attr]


@pytest.mark.django_db
def test_a_hold_names_its_command() -> None:
    call_command("hold", "restored")
    hold = SendingHold.objects.get()
    call_command("release")

    kept = history_model(SendingHold)
    assert kept is not None
    changes = history_of(kept, hold.pk).changes
    assert [(change.verb, change.where) for change in changes] == [
        ("Deleted", "Command release"),
        ("Made", "Command hold"),
    ]
