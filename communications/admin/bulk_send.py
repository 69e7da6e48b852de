"""Bulk requests: how far each is expanded, and whom it could not take."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from communications.models import BulkSend
from config.back_office import ReadOnlyAdmin, concrete_fields, json_block

_TOLD = ("message_schema", "state", "total", "position", "accepted", "refused", "recipients")
_MOST_SHOWN = 100


@admin.register(BulkSend)
class BulkSendAdmin(ReadOnlyAdmin):
    list_display = ("created_ts", "message_schema", "total", "accepted", "not_taken", "shown_state", "created_by")
    list_filter = ("state",)
    list_select_related = ("message_schema", "created_by")
    fieldsets = (
        (None, {"fields": ("message_schema", "shown_state", "how_far", "messages", "who_was_refused")}),
        ("Record", {"fields": (*concrete_fields(BulkSend, without=_TOLD), "asked_for")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkSend]:
        """Without what thousands of recipients take up: a list shows none of it, and a page asks for it by itself."""
        rows: QuerySet[BulkSend] = super().get_queryset(request)
        return rows.defer("recipients", "options", "refused")

    @display(description="Messages")
    def messages(self, bulk: BulkSend) -> str:
        address = reverse("admin:communications_messagedata_changelist", query={"bulk__id__exact": bulk.pk})
        return format_html('<a class="rp-link" href="{}">The {} that were taken on</a>', address, bulk.accepted)

    @display(description="How far it has come")
    def how_far(self, bulk: BulkSend) -> str:
        refused = self.not_taken(bulk)
        return f"{bulk.position} of {bulk.total} recipients dealt with: {bulk.accepted} taken on, {refused} refused"

    @display(description="Refused")
    def not_taken(self, bulk: BulkSend) -> int:
        return bulk.position - bulk.accepted

    @display(description="Who was refused, and why")
    def who_was_refused(self, bulk: BulkSend) -> str:
        """Counted from 1, as the recipients are below."""
        rows = ((each["index"] + 1, each["detail"]) for each in bulk.refused[:_MOST_SHOWN])
        table = format_html_join("", '<tr><th scope="row">Recipient {}</th><td>{}</td></tr>', rows)
        return format_html('<table class="rp-pairs">{}</table>{}', table, _others(bulk.refused)) if table else "Nobody"

    @display(description="Recipients")
    def asked_for(self, bulk: BulkSend) -> str:
        return json_block(bulk.recipients[:_MOST_SHOWN]) + _others(bulk.recipients)

    @display(description="State", label={"Expanding": "info", "Done": "success", "Cancelled": "warning"})
    def shown_state(self, bulk: BulkSend) -> str:
        return bulk.get_state_display()


def _others(rows: Sequence[Any]) -> SafeString:
    more = len(rows) - _MOST_SHOWN
    return format_html('<p class="rp-help">And {} more.</p>', f"{more:,}") if more > 0 else SafeString()
