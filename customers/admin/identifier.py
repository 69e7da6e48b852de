"""Addresses and devices by themselves, for whoever looks for one without knowing whose it is."""

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.back_office import BackOfficeAdmin
from customers.admin.forms import IdentifierForm
from customers.identity.search import spellings
from customers.models import CustomerIdentifier, Device


@admin.register(CustomerIdentifier)
class CustomerIdentifierAdmin(BackOfficeAdmin):
    form = IdentifierForm
    list_display = ("identifier_value", "identifier_type", "customer", "verified", "source")
    list_filter = ("identifier_type", "verified")
    list_select_related = ("customer",)
    search_fields = ("identifier_value__exact",)
    search_help_text = "The whole address"
    fields = ("customer", "identifier_type", "identifier_value", "verified", "verified_at", "source", "created_at")
    readonly_fields = ("verified_at", "created_at")
    autocomplete_fields = ("customer",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CustomerIdentifier], search_term: str
    ) -> tuple[QuerySet[CustomerIdentifier], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(identifier_value__in=spellings(search_term, region=settings.PHONE_REGION)), False


@admin.register(Device)
class DeviceAdmin(BackOfficeAdmin):
    list_display = ("name_or_token", "customer", "platform", "app", "active", "last_seen_at")
    list_filter = ("platform", "active")
    list_select_related = ("customer",)
    fields = ("customer", ("platform", "app"), "name", "token", "language", "active", "last_seen_at", "created_at")
    readonly_fields = ("last_seen_at", "created_at")
    autocomplete_fields = ("customer",)

    @admin.display(description="Device")
    def name_or_token(self, device: Device) -> str:
        return device.name or f"{device.token[:12]}…"
