"""Customers, with the addresses that lead to them, their devices, appointments and consent."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from unfold.admin import TabularInline
from unfold.decorators import display

from config.back_office import BackOfficeAdmin, ReadOnlyInline, json_display
from customers.admin.consent_page import consent_page
from customers.admin.forms import CustomerForm, IdentifierForm
from customers.models import Appointment, ConsentEvent, Customer, CustomerIdentifier, Device
from customers.search import matching


class IdentifierInline(TabularInline):
    model = CustomerIdentifier
    form = IdentifierForm
    extra = 0
    fields = ("identifier_type", "identifier_value", "verified", "verified_at", "source")
    readonly_fields = ("verified_at",)
    verbose_name, verbose_name_plural = "address", "addresses"
    ordering = ("id",)
    tab = True


class DeviceInline(TabularInline):
    model = Device
    extra = 0
    fields = ("platform", "app", "name", "token", "active", "last_seen_at")
    readonly_fields = ("last_seen_at",)
    ordering = ("id",)
    tab = True


class AppointmentInline(ReadOnlyInline):
    model = Appointment
    fields = ("starts_at", "service_type", "employee", "status", "confirmed_at")
    ordering = ("-starts_at",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        return super().get_queryset(request).select_related("employee")


class ConsentInline(ReadOnlyInline):
    model = ConsentEvent
    fields = ("occurred_at", "channel", "address", "status", "purpose", "source", "wording")
    ordering = ("-occurred_at",)
    verbose_name, verbose_name_plural = "consent event", "consent"
    tab = True


@admin.register(Customer)
class CustomerAdmin(BackOfficeAdmin):
    """No deleting here: what a person may have erased is decided elsewhere, with a preview and a certificate."""

    form = CustomerForm
    list_display = ("who", "addresses", "language", "local_zone", "total_interactions", "last_interaction_at")
    list_filter = ("language", "legal_hold")
    search_fields = ("identifiers__identifier_value__exact",)  # what autocomplete asks for; see get_search_results
    search_help_text = "An address, a name's beginning, or an external id"
    one_line = ("name",)
    change_form_outer_before_template = "customers/admin/_customer_head.html"
    inlines = (IdentifierInline, DeviceInline, AppointmentInline, ConsentInline)
    raw_id_fields = ("merged_into",)
    sentiments = json_display("sentiment_history", "sentiment history")
    readonly_fields = (
        *("total_interactions", "first_contact_at", "last_interaction_at", "erased_at", "merged_into", "merged_at"),
        *(sentiments, "created_at", "updated_at"),
    )
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), "name", ("primary_email", "phone"))}),
        ("Where and how", {"fields": ("address", ("city", "province"), ("postal_code", "country"))}),
        ("Speaks", {"fields": (("language", "time_zone"), ("customer_type", "tier"), "external_id", "notes")}),
        ("More", {"fields": ("attributes", "metadata", "legal_hold"), "classes": ("tab",)}),
        ("Record", {"fields": readonly_fields, "classes": ("tab",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).prefetch_related("identifiers")

    def get_urls(self) -> list[URLPattern]:
        consent = self.admin_site.admin_view(self.consent_view)
        return [path("<uuid:pk>/consent/", consent, name="customers_customer_consent"), *super().get_urls()]

    def consent_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not (self.has_view_permission(request) and request.user.has_perm("customers.view_consentevent")):
            raise PermissionDenied
        return consent_page(request, get_object_or_404(Customer, pk=pk), self.admin_site.each_context(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        return (queryset.filter(matching(search_term.strip())) if search_term.strip() else queryset), False

    @display(description="Customer", header=True)
    def who(self, customer: Customer) -> tuple[str, str, str]:
        name = customer.display_name
        return name, customer.city, "".join(word[0] for word in name.split()[:2])

    @display(description="Reached at")
    def addresses(self, customer: Customer) -> str:
        return ", ".join(i.identifier_value for i in customer.identifiers.all()[:3]) or "–"

    @display(description="Time zone")
    def local_zone(self, customer: Customer) -> str:
        return customer.time_zone
