"""The inbound journal: every verified webhook as it came, what became of it, and a way to process it again."""

import json
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from communications.actions.journal import replay
from communications.models import WebhookDelivery
from config.accounts.models import User
from config.back_office import ReadOnlyAdmin, json_block, json_display
from config.jobs.actions import Outcome

STATE_LABELS = {"Received": "info", "Done": "success", "Quarantined": "danger"}
_SHOWN_CHARACTERS = 20_000
_MOST_FIELDS = 200


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "provider", "endpoint", "shown_state", "short_reason", "attempts", "processed_at")
    list_filter = ("state", "endpoint")
    actions = ("replay_deliveries",)
    pieces: ClassVar = {"replay_deliveries": "replay_piece"}
    change_form_outer_before_template = "communications/admin/_journal_actions.html"
    header_block = json_display("headers")
    fieldsets = (
        (None, {"fields": (("shown_state", "attempts"), "reason", ("received_at", "processed_at", "due_at"))}),
        (
            "The request",
            {"fields": (("provider", "endpoint"), "url", "query_string", ("remote_address", "content_type"))},
        ),
        ("Its body", {"fields": ("body_fields", "body_json", "body_text")}),
        ("Its headers", {"fields": (header_block,)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        return super().get_queryset(request).defer("body", "headers")

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.change_webhookdelivery")

    @action(description="Replay", permissions=["replay"])
    def replay_deliveries(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        self.do_at_once(request, "replay_deliveries", queryset, "To be processed again")

    def replay_piece(self, rows: QuerySet[WebhookDelivery], by: User) -> Outcome:
        return Outcome(changed=replay(rows))

    @display(description="State", label=STATE_LABELS)
    def shown_state(self, delivery: WebhookDelivery) -> str:
        return delivery.get_state_display()

    @display(description="Reason")
    def short_reason(self, delivery: WebhookDelivery) -> str:
        return delivery.reason[:80] or "–"

    @display(description="Fields of the form")
    def body_fields(self, delivery: WebhookDelivery) -> SafeString | str:
        if "form-urlencoded" not in delivery.content_type:
            return "–"
        pairs = parse_qsl(body_as_text(delivery), keep_blank_values=True)[:_MOST_FIELDS]
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", pairs)
        return format_html('<table class="rp-pairs">{}</table>', rows)

    @display(description="As JSON")
    def body_json(self, delivery: WebhookDelivery) -> SafeString | str:
        """Indented, where it is JSON and not too long to read."""
        if "json" not in delivery.content_type or len(delivery.body) > _SHOWN_CHARACTERS:
            return "–"
        try:
            return json_block(json.loads(body_as_text(delivery)))
        except ValueError:
            return "It is no JSON."

    @display(description="Raw")
    def body_text(self, delivery: WebhookDelivery) -> SafeString:
        text = body_as_text(delivery)
        cut = f"\n… {len(text) - _SHOWN_CHARACTERS} more" if len(text) > _SHOWN_CHARACTERS else ""
        return format_html('<pre class="rp-code" tabindex="0">{}{}</pre>', text[:_SHOWN_CHARACTERS] or "(empty)", cut)


def body_as_text(delivery: WebhookDelivery) -> str:
    """The body in UTF-8; what is not becomes a replacement sign, so anything can be looked at."""
    return bytes(delivery.body).decode("utf-8", errors="replace").replace("\x00", "\ufffd")
