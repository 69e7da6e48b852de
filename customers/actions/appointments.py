"""Appointments change state by conditional update: late, doubled and crossing answers change nothing twice."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from customers.models import Appointment


def confirm_appointment(appointment: Appointment) -> bool:
    """scheduled → confirmed. False when it was not scheduled any more."""
    return _move(appointment, Appointment.Status.CONFIRMED, confirmed_at=timezone.now())


def cancel_appointment(appointment: Appointment, *, reason: str = "") -> bool:
    """scheduled or confirmed → cancelled. False when it could not be cancelled any more."""
    return _move(appointment, Appointment.Status.CANCELLED, cancelled_at=timezone.now(), cancellation_reason=reason)


def move_appointment(appointment: Appointment, *, starts_at: datetime) -> bool:
    """A new time: it is to be confirmed again, and its revision grows (by a trigger, whoever writes the time)."""
    moved = Appointment.objects.awaiting().filter(pk=appointment.pk)
    changed = moved.update(
        starts_at=starts_at, status=Appointment.Status.SCHEDULED, confirmed_at=None, updated_at=timezone.now()
    )
    appointment.refresh_from_db()
    return bool(changed)


def _move(appointment: Appointment, status: str, **changes: Any) -> bool:
    sources = [source for source, targets in Appointment.MOVES.items() if status in targets]
    row = Appointment.objects.filter(pk=appointment.pk, status__in=sources)
    changed = row.update(status=status, updated_at=timezone.now(), **changes)
    appointment.refresh_from_db()
    return bool(changed)
