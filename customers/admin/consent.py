"""The consent ledger and the suppressions, for reading: consent is never written by editing rows."""

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from config.back_office import ReadOnlyAdmin, concrete_fields, json_display
from customers.identity.search import spellings
from customers.models import ConsentEvent, Suppression


class _AddressAdmin(ReadOnlyAdmin):
    """Search is by the whole address, in any spelling."""

    search_fields = ("address__exact",)
    search_help_text = "The whole address"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(address__in=spellings(search_term, region=settings.PHONE_REGION)), False


@admin.register(ConsentEvent)
class ConsentEventAdmin(_AddressAdmin):
    list_display = ("address", "channel", "state", "purpose", "source", "customer", "occurred_at")
    list_filter = ("status", "channel", "purpose", "source")
    list_select_related = ("customer",)
    evidence_block = json_display("evidence")
    fieldsets = (
        (None, {"fields": (("status", "purpose"), ("channel", "address"), ("occurred_at", "source"), "wording")}),
        ("Proof", {"fields": ("customer", "actor", "ip_address", "reference", evidence_block)}),
        ("Record", {"fields": ("address_hash", "created_at"), "classes": ("tab",)}),
    )

    @display(description="Status", label={"Opted in": "success", "Opted out": "danger"})
    def state(self, event: ConsentEvent) -> str:
        return event.get_status_display()


@admin.register(Suppression)
class SuppressionAdmin(_AddressAdmin):
    list_display = ("address", "channel", "reason", "in_force", "customer", "created_at")
    list_filter = ("reason", "channel", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer",)
    fields = concrete_fields(Suppression, without=("id",))

    @display(description="In force", boolean=True)
    def in_force(self, suppression: Suppression) -> bool:
        return suppression.lifted_at is None
