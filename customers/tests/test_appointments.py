"""Appointments change state once, whoever answers late, twice or at the same moment."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from customers.actions.appointments import cancel_appointment, confirm_appointment, move_appointment
from customers.models import Appointment
from customers.tests.database import at_once
from customers.tests.factories import AppointmentFactory

S = Appointment.Status
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


def move(appointment: Appointment) -> bool:
    return move_appointment(appointment, starts_at=appointment.starts_at + HOUR)


def in_state(status: str) -> Appointment:
    appointment = AppointmentFactory()
    at = appointment.starts_at - HOUR
    cancelled_at = at if status == S.CANCELLED else None
    confirmed_at = at if status == S.CONFIRMED else None
    appointment.status, appointment.cancelled_at, appointment.confirmed_at = status, cancelled_at, confirmed_at
    appointment.save()
    return appointment


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (confirm_appointment, S.SCHEDULED, S.CONFIRMED),
        (confirm_appointment, S.CONFIRMED, None),
        (confirm_appointment, S.CANCELLED, None),
        (confirm_appointment, S.COMPLETED, None),
        (confirm_appointment, S.NO_SHOW, None),
        (cancel_appointment, S.SCHEDULED, S.CANCELLED),
        (cancel_appointment, S.CONFIRMED, S.CANCELLED),
        (cancel_appointment, S.CANCELLED, None),
        (cancel_appointment, S.COMPLETED, None),
        (cancel_appointment, S.NO_SHOW, None),
        (move, S.SCHEDULED, S.SCHEDULED),
        (move, S.CONFIRMED, S.SCHEDULED),
        (move, S.CANCELLED, None),
        (move, S.COMPLETED, None),
        (move, S.NO_SHOW, None),
    ],
)
def test_each_state_takes_only_its_moves(act: Callable[[Appointment], bool], before: str, after: str | None) -> None:
    appointment = in_state(before)
    starts_at, updated_at = appointment.starts_at, appointment.updated_at

    changed = act(appointment)

    assert changed is (after is not None)
    assert appointment.status == Appointment.objects.get(pk=appointment.pk).status == (after or before)
    assert (appointment.updated_at > updated_at) is changed
    assert appointment.starts_at == (starts_at + HOUR if act is move and changed else starts_at)


def test_a_confirmed_appointment_says_since_when() -> None:
    appointment = AppointmentFactory()

    confirm_appointment(appointment)

    assert appointment.confirmed_at is not None


def test_a_cancelled_appointment_says_when_and_why() -> None:
    appointment = AppointmentFactory()

    cancel_appointment(appointment, reason="The customer answered CANCEL.")

    assert appointment.cancelled_at is not None
    assert appointment.cancellation_reason == "The customer answered CANCEL."


def test_a_moved_appointment_is_to_be_confirmed_again_and_has_a_new_revision() -> None:
    appointment = in_state(S.CONFIRMED)

    assert move(appointment) and move(appointment)

    assert (appointment.status, appointment.confirmed_at, appointment.revision) == (S.SCHEDULED, None, 3)


def test_the_row_decides_and_not_what_somebody_still_holds_of_it() -> None:
    held = AppointmentFactory()
    cancel_appointment(Appointment.objects.get(pk=held.pk))

    assert not confirm_appointment(held)
    assert held.status == S.CANCELLED  # and what he holds is brought up to date


@pytest.mark.django_db(transaction=True)
def test_of_eight_confirmations_at_once_one_counts() -> None:
    appointment = AppointmentFactory()

    said = at_once(*(partial(confirm_appointment, Appointment.objects.get(pk=appointment.pk)) for _ in range(8)))

    assert sorted(said) == [False] * 7 + [True]


@pytest.mark.django_db(transaction=True)
def test_a_confirmation_and_a_cancellation_at_once_end_cancelled() -> None:
    appointments = AppointmentFactory.create_batch(10)

    at_once(
        *(
            partial(act, Appointment.objects.get(pk=appointment.pk))
            for appointment in appointments
            for act in (confirm_appointment, cancel_appointment)
        )
    )

    assert set(Appointment.objects.values_list("status", flat=True)) == {S.CANCELLED}


@pytest.mark.django_db
def test_a_confirmed_appointment_that_is_given_another_time_is_to_be_confirmed_again_whoever_writes_it() -> None:
    visit = AppointmentFactory()
    confirm_appointment(visit)

    visit.starts_at += timedelta(hours=6)
    visit.save()

    visit.refresh_from_db()
    assert (visit.status, visit.confirmed_at, visit.revision) == (Appointment.Status.SCHEDULED, None, 2)
