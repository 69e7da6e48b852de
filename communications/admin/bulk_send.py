"""Bulk requests: how far each is expanded, and whom it could not take."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from communications.models import BulkSend
from config.back_office import ReadOnlyAdmin, concrete_fields


@admin.register(BulkSend)
class BulkSendAdmin(ReadOnlyAdmin):
    list_display = ("created_ts", "message_schema", "total", "position", "accepted", "shown_state", "created_by")
    list_filter = ("state",)
    list_select_related = ("message_schema", "created_by")
    fields = ("messages", *concrete_fields(BulkSend))

    @display(description="Messages")
    def messages(self, bulk: BulkSend) -> str:
        address = reverse("admin:communications_messagedata_changelist", query={"bulk__id__exact": bulk.pk})
        return format_html('<a href="{}">The {} that were taken on</a>', address, bulk.accepted)

    @display(description="State", label={"Expanding": "info", "Done": "success", "Cancelled": "warning"})
    def shown_state(self, bulk: BulkSend) -> str:
        return bulk.get_state_display()
