"""Delivery events: the ledger that a message's state is folded from."""

from django.contrib import admin

from communications.models import DeliveryEvent
from config.back_office import ReadOnlyAdmin, concrete_fields


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(ReadOnlyAdmin):
    list_display = ("kind", "message_data", "provider", "error_code", "occurred_at", "received_at")
    list_filter = ("kind",)
    list_select_related = ("message_data",)
    search_fields = ("message_data__message_number__exact",)
    search_help_text = "The message's number"
    fields = concrete_fields(DeliveryEvent)
