"""Appointments change state by conditional update: late, doubled and crossing answers change nothing twice."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.refusals import Refused
from customers.models import Appointment

_AT_FIRST = (Appointment.Status.SCHEDULED, Appointment.Status.CONFIRMED)


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


def book_appointment(values: Mapping[str, Any]) -> Appointment:
    """A new one, scheduled or confirmed. Raises Refused."""
    appointment = Appointment(**values)
    if appointment.status not in _AT_FIRST:
        raise Refused("impossible_move", "A new appointment is scheduled or confirmed.", attr="status")
    _stamp(appointment)
    _store(appointment)
    return appointment


@transaction.atomic
def change_appointment(appointment: Appointment, changes: Mapping[str, Any]) -> Appointment:
    """Write `changes` to what stands now. Raises Refused where its status cannot become the one that is asked for."""
    current = Appointment.objects.select_for_update().get(pk=appointment.pk)
    before, after = current.status, changes.get("status", current.status)
    if after != before and after not in Appointment.MOVES[before]:
        sentence = f"An appointment that is {_word(before)} cannot become {_word(after)}."
        raise Refused("impossible_move", sentence, is_conflict=True)
    for name, value in changes.items():
        setattr(current, name, value)
    if after != before:
        _stamp(current)
    _store(current)
    current.refresh_from_db()
    return current


def _stamp(appointment: Appointment) -> None:
    """When it came to be what it is."""
    now, status = timezone.now(), appointment.status
    appointment.confirmed_at = now if status == Appointment.Status.CONFIRMED else appointment.confirmed_at
    appointment.cancelled_at = now if status == Appointment.Status.CANCELLED else None


def _store(appointment: Appointment) -> None:
    try:
        with transaction.atomic():
            appointment.save()
    except IntegrityError as taken:
        sentence = "Another appointment has this calendar event."
        raise Refused("calendar_event_taken", sentence, is_conflict=True) from taken


def _word(status: str) -> str:
    return str(Appointment.Status(status).label).lower()


def _move(appointment: Appointment, status: str, **changes: Any) -> bool:
    sources = [source for source, targets in Appointment.MOVES.items() if status in targets]
    row = Appointment.objects.filter(pk=appointment.pk, status__in=sources)
    changed = row.update(status=status, updated_at=timezone.now(), **changes)
    appointment.refresh_from_db()
    return bool(changed)
