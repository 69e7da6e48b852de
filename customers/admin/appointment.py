"""Appointments."""

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from config.back_office import BackOfficeAdmin
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
        (None, {"fields": ("customer", ("service_type", "status"), ("starts_at", "duration_minutes"), "time_zone")}),
        ("The visit", {"fields": (("employee", "provider"), "address", "description", "special_requests", "notes")}),
        ("Booking", {"fields": (("booked_by", "calendar_event_id"), "cancellation_reason", "metadata")}),
        ("Record", {"fields": (*readonly_fields,), "classes": ("tab",)}),
    )

    @display(description="Status", label=STATUS_LABELS)
    def state(self, appointment: Appointment) -> str:
        return appointment.get_status_display()
