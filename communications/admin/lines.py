"""Our lines and their rates, which staff set, and how each provider's calls fare."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MinValueValidator
from django.db.models import Field
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from communications.models import ProviderCircuit, SenderLine, SendingHold
from communications.providers import registry
from config.back_office import BackOfficeAdmin, ReadOnlyAdmin, concrete_fields

_LEAST = {"per_second": Decimal("0.001"), "burst": 1}


@admin.register(SenderLine)
class SenderLineAdmin(BackOfficeAdmin):
    list_display = ("provider", "line", "per_second", "burst", "shown_paused")
    list_filter = ("provider", "paused")
    readonly_fields = ("tokens", "tokens_at", "updated_ts")
    fieldsets = (
        (
            None,
            {
                "fields": (("provider", "sender"), ("per_second", "burst"), "paused"),
                "description": "A burst of about a second's worth lets whole slices leave; 1 sends them one by one.",
            },
        ),
        ("Now", {"fields": (("tokens", "tokens_at"), "updated_ts")}),
    )

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """A name that no provider has would slow nobody down, and look as if it did."""
        if db_field.name == "provider":
            names = [(name, name) for name in registry.names() if registry.get(name).capabilities.channels]
            return forms.ChoiceField(choices=names, widget=UnfoldAdminSelectWidget)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in _LEAST:
            field.validators.append(MinValueValidator(_LEAST[db_field.name]))
        return field

    @display(description="Line")
    def line(self, line: SenderLine) -> str:
        return line.sender or "Every other line"

    @display(description="State", label={"Paused": "warning", "Sends": "success"})
    def shown_paused(self, line: SenderLine) -> str:
        return "Paused" if line.paused else "Sends"


@admin.register(ProviderCircuit)
class ProviderCircuitAdmin(ReadOnlyAdmin):
    list_display = ("provider", "shown_state", "calls", "failures", "opened_at", "probe_at")
    list_filter = ("state",)
    fields = concrete_fields(ProviderCircuit)

    @display(description="State", label={"Waits": "danger", "Calls pass": "success"})
    def shown_state(self, circuit: ProviderCircuit) -> str:
        return "Waits" if circuit.state == ProviderCircuit.State.OPEN else "Calls pass"


@admin.register(SendingHold)
class SendingHoldAdmin(ReadOnlyAdmin):
    """Held and released by command, with the machine's keys: `manage.py hold`, `manage.py release`."""

    list_display = ("reason", "since")
    fields = ("reason", "since")
