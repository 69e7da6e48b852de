"""Our lines and their rates, which staff set, and how each provider's calls fare."""

from django.contrib import admin
from unfold.decorators import display

from communications.models import ProviderCircuit, SenderLine
from config.back_office import BackOfficeAdmin, ReadOnlyAdmin, concrete_fields


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

    @display(description="State", label={"Open": "danger", "Closed": "success"})
    def shown_state(self, circuit: ProviderCircuit) -> str:
        return "Open" if circuit.state == ProviderCircuit.State.OPEN else "Closed"
