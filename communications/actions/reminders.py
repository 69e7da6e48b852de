"""Reminders (UC-1): planned a day ahead on the customer's clock, bound to the appointment, answered by one word."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When

from communications.actions.message_request import MessageRequest
from communications.actions.messages import lock_batch_of, send_message, withdraw_message
from communications.choices import MessageStatus
from communications.exceptions import SendRefused
from communications.models import AppointmentReminder, ReminderSchedule
from communications.rendering.variables import zone_of
from config.db import now as database_now
from customers.models import Appointment, Customer

log = structlog.get_logger(__name__)

_ASKED = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNCERTAIN)
_OPEN = (Appointment.Status.SCHEDULED, Appointment.Status.CONFIRMED)
_ANSWERABLE = (AppointmentReminder.State.PLANNED, AppointmentReminder.State.ANSWERED)


def run_due_schedules() -> int:
    """Run every schedule that is due; each in its own transaction, held by one process at a time. Returns reminders planned."""
    planned = 0
    for pk in ReminderSchedule.objects.due(database_now()).values_list("pk", flat=True):
        planned += _run_schedule(pk)
    return planned


def withdraw_stale_reminders() -> int:
    """Withdraw reminders of appointments that were moved, settled or cancelled since. Returns how many.

    One that was sent before somebody else confirmed the appointment stays: the customer may still cancel by it.
    """
    unsent = Q(message_data__sent_ts__isnull=True)
    stale = AppointmentReminder.objects.filter(
        ~Q(revision=F("appointment__revision"))
        | ~Q(appointment__status__in=_OPEN)
        | (Q(appointment__status=Appointment.Status.CONFIRMED) & unsent),
        state=AppointmentReminder.State.PLANNED,
    )
    return sum(_withdraw(reminder) for reminder in stale[:500])


def awaiting_answer(customer: Customer) -> AppointmentReminder | None:
    """The reminder that this customer was sent and may still answer: an unanswered one first, of the next appointment.

    Who confirmed may still cancel.
    """
    asked = AppointmentReminder.objects.filter(
        appointment__customer=customer,
        appointment__status__in=_OPEN,
        appointment__starts_at__gt=database_now(),
        appointment__revision=F("revision"),
        state__in=_ANSWERABLE,
        message_data__status__in=_ASKED,
    )
    unanswered_first = Case(When(state=AppointmentReminder.State.PLANNED, then=0), default=1)
    return asked.select_related("appointment").order_by(unanswered_first, "appointment__starts_at").first()


def answer_reminder(reminder: AppointmentReminder, *, answer: str) -> bool:
    """The customer said confirm or cancel. False when somebody was faster."""
    row = AppointmentReminder.objects.filter(pk=reminder.pk, state__in=_ANSWERABLE).exclude(answer=answer)
    return bool(row.update(state=AppointmentReminder.State.ANSWERED, answer=answer, updated_ts=database_now()))


@transaction.atomic
def _run_schedule(schedule_id: UUID) -> int:
    at = database_now()
    due = ReminderSchedule.objects.due(at).select_for_update(skip_locked=True, no_key=True).select_related(None)
    schedule = due.filter(pk=schedule_id).first()
    if schedule is None:
        return 0
    planned = sum(_plan(schedule, appointment, at) for appointment in _candidates(schedule, at))
    schedule.last_run_at = at
    schedule.next_run_at = at + timedelta(seconds=schedule.every_seconds)
    schedule.save(update_fields=["last_run_at", "next_run_at", "updated_ts"])
    return planned


def _candidates(schedule: ReminderSchedule, at: datetime) -> "QuerySet[Appointment]":
    """Appointments within reach of any time zone that have no reminder for their present time."""
    reach = timedelta(days=schedule.days_before + 2)
    present = AppointmentReminder.objects.filter(
        schedule=schedule, appointment=OuterRef("pk"), revision=OuterRef("revision")
    )
    found = Appointment.objects.filter(
        ~Exists(present), status=Appointment.Status.SCHEDULED, starts_at__gt=at, starts_at__lt=at + reach
    )
    if schedule.service_type:
        found = found.filter(service_type=schedule.service_type)
    return found.select_related("customer", "employee").order_by("starts_at")


def reminder_time(schedule: ReminderSchedule, appointment: Appointment, at: datetime) -> datetime | None:
    """When to send, if `at` is within the day of sending on the customer's clock; now, when that hour has passed.

    A wall time that a clock change skips becomes the next valid one; one that comes twice means the first.
    """
    zone = zone_of(appointment.customer.time_zone, appointment.time_zone)
    day = appointment.starts_at.astimezone(zone).date() - timedelta(days=schedule.days_before)
    if at.astimezone(zone).date() != day:
        return None
    return max(at, _valid(datetime.combine(day, schedule.local_time, tzinfo=zone)))


def _valid(wall: datetime) -> datetime:
    """`wall`, or the first minute after it that its zone's clocks really show."""
    while wall.astimezone(UTC).astimezone(wall.tzinfo).replace(tzinfo=None) != wall.replace(tzinfo=None):
        wall += timedelta(minutes=1)
    return wall


def _plan(schedule: ReminderSchedule, appointment: Appointment, at: datetime) -> bool:
    send_at = reminder_time(schedule, appointment, at)
    if send_at is None:
        return False
    request = MessageRequest(
        schema=schedule.message_schema,
        customer=appointment.customer,
        appointment=appointment,
        scheduled_at=send_at,
        expires_at=appointment.starts_at,
    )
    try:
        with transaction.atomic():
            message = send_message(request)
            AppointmentReminder.objects.create(
                schedule=schedule, appointment=appointment, revision=appointment.revision, message_data=message
            )
    except SendRefused as refusal:
        log.warning("reminder_not_planned", appointment_id=str(appointment.pk), code=refusal.code)
        return False
    except IntegrityError:  # another process planned it: its row is the one
        return False
    return True


@transaction.atomic
def _withdraw(reminder: AppointmentReminder) -> bool:
    """Lock order: batch, reminder, message. A sender has the batch, and whoever answers a reminder waits for the sender."""
    lock_batch_of(reminder.message_data_id)
    row = AppointmentReminder.objects.filter(pk=reminder.pk, state=AppointmentReminder.State.PLANNED)
    if not row.update(state=AppointmentReminder.State.WITHDRAWN, updated_ts=database_now()):
        return False
    withdraw_message(reminder.message_data_id)
    return True
