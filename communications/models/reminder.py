"""Reminders (source 000, UC-1): a schedule says when, a reminder binds one message to one appointment at one time."""

from datetime import datetime, time
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from communications.models.message_data import MessageData
from communications.models.schema import MessageSchema
from config.db import UuidModel, enum_check
from config.history.tracking import tracked
from customers.models import Appointment


class ReminderScheduleQuerySet(models.QuerySet["ReminderSchedule"]):
    def due(self, at: datetime) -> "ReminderScheduleQuerySet":
        return self.filter(active=True, next_run_at__lte=at)


@tracked("reminder_schedules_history", without=("next_run_at", "last_run_at", "updated_ts"))
class ReminderSchedule(UuidModel):
    """`days_before` days before the appointment, at `local_time` on the customer's clock."""

    PERSONAL_FIELDS: ClassVar = ()

    name = models.CharField(max_length=100, unique=True)
    message_schema = models.ForeignKey(
        MessageSchema, verbose_name="template", on_delete=models.PROTECT, related_name="reminder_schedules"
    )
    days_before = models.PositiveIntegerField(default=1)
    local_time = models.TimeField(default=time(10, 0))
    service_type = models.CharField(max_length=100, blank=True, default="", help_text="Empty: every service.")
    active = models.BooleanField(default=True)
    every_seconds = models.PositiveIntegerField(
        "looks every", default=300, help_text="Seconds between two looks for appointments."
    )
    next_run_at = models.DateTimeField(default=timezone.now)
    last_run_at = models.DateTimeField(null=True, blank=True)
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    objects = ReminderScheduleQuerySet.as_manager()

    class Meta:
        db_table = "reminder_schedules"
        constraints = (
            models.CheckConstraint(condition=Q(days_before__lte=60), name="reminder_schedules_days"),
            models.CheckConstraint(condition=Q(every_seconds__gte=1), name="reminder_schedules_every"),
        )
        indexes = (models.Index(fields=["next_run_at"], name="idx_reminder_schedules_due", condition=Q(active=True)),)

    def __str__(self) -> str:
        return self.name


class ReminderState(models.TextChoices):
    PLANNED = "planned", "Planned"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ANSWERED = "answered", "Answered"


class AppointmentReminder(UuidModel):
    """Unique by schedule, appointment and the appointment's revision: moved, it is planned again; never twice."""

    PERSONAL_FIELDS: ClassVar = ()

    State = ReminderState
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        State.PLANNED: (State.WITHDRAWN, State.ANSWERED),
        State.WITHDRAWN: (),
        State.ANSWERED: (State.ANSWERED,),  # who confirmed may still cancel
    }

    schedule = models.ForeignKey(ReminderSchedule, on_delete=models.PROTECT, related_name="reminders")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="+")
    revision = models.PositiveIntegerField()
    message_data = models.OneToOneField(
        MessageData, verbose_name="message", on_delete=models.CASCADE, related_name="reminder"
    )
    state = models.CharField(max_length=20, choices=State, default=State.PLANNED)
    answer = models.CharField(max_length=20, blank=True, default="")
    created_ts = models.DateTimeField("created", default=timezone.now, editable=False)
    updated_ts = models.DateTimeField("updated", auto_now=True)

    class Meta:
        db_table = "appointment_reminders"
        constraints = (
            models.UniqueConstraint(fields=["schedule", "appointment", "revision"], name="appointment_reminders_once"),
            enum_check("state", ReminderState, name="appointment_reminders_state"),
            models.CheckConstraint(
                condition=(Q(state="answered") & ~Q(answer="")) | (~Q(state="answered") & Q(answer="")),
                name="appointment_reminders_answer_paired",
            ),
        )
        indexes = (models.Index(fields=["appointment"], name="idx_reminders_planned", condition=Q(state="planned")),)

    def __str__(self) -> str:
        return f"Reminder: {self.appointment}"
