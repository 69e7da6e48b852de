"""Employees: who answers, who visits, who is named in a message."""

from django.contrib import admin

from config.back_office import BackOfficeAdmin
from customers.admin.forms import EmployeeForm
from customers.models import Employee


@admin.register(Employee)
class EmployeeAdmin(BackOfficeAdmin):
    form = EmployeeForm
    list_display = ("name", "title", "team", "email", "phone", "active_flag")
    list_filter = ("active_flag", "team")
    search_fields = ("name__istartswith", "email__istartswith")
    ordering = ("name", "id")
    sortable_by = ("name", "team", "email")
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", ("title", "team"), ("email", "phone"), ("language", "time_zone"))}),
        ("Sign-in and systems", {"fields": ("user", "external_id", "active_flag", "metadata")}),
        ("Record", {"fields": (("created_at", "updated_at"),)}),
    )
