"""When appointments are reminded of, and each reminder that was planned."""

from django.contrib import admin
from unfold.decorators import display

from communications.models import AppointmentReminder, ReminderSchedule
from config.back_office import BackOfficeAdmin, ReadOnlyAdmin, ReadOnlyInline, concrete_fields


class PlannedInline(ReadOnlyInline):
    model = AppointmentReminder
    fields = ("appointment", "revision", "message_data", "state", "answer", "created_ts")
    ordering = ("-id",)
    per_page = 20
    verbose_name_plural = "planned reminders"


@admin.register(ReminderSchedule)
class ReminderScheduleAdmin(BackOfficeAdmin):
    list_display = ("name", "message_schema", "when", "service_type", "active", "last_run_at")
    list_filter = ("active",)
    list_select_related = ("message_schema",)
    autocomplete_fields = ("message_schema",)
    readonly_fields = ("last_run_at", "updated_ts")
    fieldsets = (
        (None, {"fields": ("name", "message_schema", ("days_before", "local_time"), ("service_type", "active"))}),
        ("How it runs", {"fields": ("every_seconds", "next_run_at", ("last_run_at", "updated_ts"))}),
    )

    @display(description="When")
    def when(self, schedule: ReminderSchedule) -> str:
        days = (
            "the same day"
            if schedule.days_before == 0
            else f"{schedule.days_before} day{'s'[: schedule.days_before > 1]} before"
        )
        return f"{days}, {schedule.local_time:%H:%M} on the customer's clock"


@admin.register(AppointmentReminder)
class AppointmentReminderAdmin(ReadOnlyAdmin):
    list_display = ("appointment", "schedule", "message_data", "shown_state", "answer", "created_ts")
    list_filter = ("state", "schedule")
    list_select_related = ("appointment", "schedule", "message_data")
    fields = concrete_fields(AppointmentReminder)

    @display(
        description="State", label={"Planned": "info", "Sent": "info", "Answered": "success", "Withdrawn": "warning"}
    )
    def shown_state(self, reminder: AppointmentReminder) -> str:
        asked = reminder.state == AppointmentReminder.State.PLANNED and reminder.message_data.sent_ts
        return "Sent" if asked else reminder.get_state_display()
