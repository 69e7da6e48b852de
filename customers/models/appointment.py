"""An appointment (source 000, UC-1; legacy columns of source 003)."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from config.db import UuidModel, enum_check
from config.history.tracking import tracked
from customers.models.customer import Customer
from customers.models.employee import Employee


class AppointmentStatus(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    CONFIRMED = "confirmed", "Confirmed"
    CANCELLED = "cancelled", "Cancelled"
    COMPLETED = "completed", "Completed"
    NO_SHOW = "no_show", "No show"


class AppointmentBookedBy(models.TextChoices):
    AI = "ai", "AI"
    STAFF = "staff", "Staff"
    ONLINE = "online", "Online"


# Whoever writes a new time: what was confirmed was the old one.
_REVISED = """
    IF NEW.starts_at IS DISTINCT FROM OLD.starts_at AND OLD.status = 'confirmed' AND NEW.status = 'confirmed' THEN
        NEW.status = 'scheduled';
        NEW.confirmed_at = NULL;
    END IF;
    NEW.revision = OLD.revision + 1;
    RETURN NEW;
"""


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def awaiting(self) -> "AppointmentQuerySet":
        """Those that may still take place."""
        return self.filter(status__in=(Appointment.Status.SCHEDULED, Appointment.Status.CONFIRMED))


@tracked("appointments_history", without=("updated_at",))
class Appointment(UuidModel):
    """`revision` grows each time the time moves and when a cancelled one is revived: what was planned before is of the past."""

    PERSONAL_FIELDS: ClassVar = ("address", "description", "special_requests", "cancellation_reason", "notes")

    Status = AppointmentStatus
    MOVES: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.SCHEDULED: (Status.CONFIRMED, Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW),
        Status.CONFIRMED: (Status.SCHEDULED, Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW),
        Status.CANCELLED: (Status.SCHEDULED,),
        Status.COMPLETED: (),
        Status.NO_SHOW: (),
    }
    BookedBy = AppointmentBookedBy

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="appointments")
    employee = models.ForeignKey(
        Employee, null=True, blank=True, on_delete=models.SET_NULL, related_name="appointments"
    )
    service_type = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    provider = models.CharField(
        max_length=100, blank=True, default="", help_text="Who does the work, when not an employee."
    )
    starts_at = models.DateTimeField()
    duration_minutes = models.PositiveIntegerField(default=60)
    time_zone = models.CharField(
        max_length=50, blank=True, default="", help_text="IANA name; used where the customer's is not known."
    )
    address = models.TextField(blank=True, default="", help_text="Empty: the customer's.")
    status = models.CharField(max_length=20, choices=Status, default=Status.SCHEDULED)
    revision = models.PositiveIntegerField(default=1, editable=False)
    booked_by = models.CharField(max_length=10, choices=BookedBy, default=BookedBy.STAFF)
    calendar_event_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    special_requests = models.TextField(blank=True, default="")
    notes = models.TextField(blank=True, default="")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancellation_reason = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        db_table = "appointments"
        constraints = (
            enum_check("status", AppointmentStatus, name="appointments_status"),
            enum_check("booked_by", AppointmentBookedBy, name="appointments_booked_by"),
            models.CheckConstraint(condition=Q(duration_minutes__gt=0), name="appointments_duration_positive"),
            models.CheckConstraint(
                condition=~Q(status="cancelled") | Q(cancelled_at__isnull=False), name="appointments_cancelled_paired"
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="moved_is_revised",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("starts_at", "status"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(old__starts_at__df=pgtrigger.F("new__starts_at"))
                | pgtrigger.Q(old__status="cancelled", new__status="scheduled"),
                func=_REVISED,
            ),
        )
        indexes = (
            models.Index(fields=["customer", "starts_at"], name="idx_appt_customer_start"),
            models.Index(fields=["starts_at"], name="idx_appt_starts"),
        )

    def __str__(self) -> str:
        return f"{self.service_type}, {timezone.localtime(self.starts_at):%b %-d, %Y, %H:%M}"
