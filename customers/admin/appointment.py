"""Appointments."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from config.back_office import BackOfficeAdmin
from customers.actions.appointments import cancel_appointment, confirm_appointment
from customers.admin.forms import AppointmentForm
from customers.models import Appointment

STATUS_LABELS = {
    "Scheduled": "info",
    "Confirmed": "success",
    "Cancelled": "danger",
    "Completed": "success",
    "No show": "warning",
}


@admin.register(Appointment)
class AppointmentAdmin(BackOfficeAdmin):
    form = AppointmentForm
    list_display = ("service_type", "customer", "starts_at", "employee", "state", "booked_by")
    list_filter = ("status", ("starts_at", RangeDateTimeFilter), "booked_by")
    list_filter_submit = True
    list_select_related = ("customer", "employee")
    search_fields = ("calendar_event_id__exact",)
    search_help_text = "The calendar's id"
    autocomplete_fields = ("customer", "employee")
    readonly_fields = ("revision", "confirmed_at", "cancelled_at", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("customer", ("service_type", "status"), "starts_at", ("duration_minutes", "time_zone"))}),
        ("The visit", {"fields": (("employee", "provider"), "address", "description", "special_requests", "notes")}),
        ("Booking", {"fields": (("booked_by", "calendar_event_id"), "cancellation_reason", "metadata")}),
        ("Record", {"fields": (*readonly_fields,), "classes": ("tab",)}),
    )

    def save_model(self, request: HttpRequest, obj: Appointment, form: AppointmentForm, change: bool) -> None:
        """A status is never written by itself: confirming and cancelling are verbs of their own."""
        wanted = obj.status
        if wanted == form.status_before or wanted not in (Appointment.Status.CONFIRMED, Appointment.Status.CANCELLED):
            super().save_model(request, obj, form, change)
            return
        obj.status = form.status_before
        super().save_model(request, obj, form, change)
        if wanted == Appointment.Status.CONFIRMED:
            confirm_appointment(obj)
        else:
            cancel_appointment(obj, reason=obj.cancellation_reason)

    @display(description="Status", label=STATUS_LABELS)
    def state(self, appointment: Appointment) -> str:
        return appointment.get_status_display()
