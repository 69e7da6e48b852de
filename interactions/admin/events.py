"""What happened beside the messages, what became known, and which journal items were processed."""

from django.contrib import admin

from config.back_office import ReadOnlyAdmin, concrete_fields
from interactions.models import CommunicationEvent, ContextData, ProcessedMessage


@admin.register(CommunicationEvent)
class CommunicationEventAdmin(ReadOnlyAdmin):
    list_display = ("event_type", "conversation", "timestamp")
    list_filter = ("event_type",)
    list_select_related = ("conversation",)
    fields = concrete_fields(CommunicationEvent)


@admin.register(ContextData)
class ContextDataAdmin(ReadOnlyAdmin):
    list_display = ("context_type", "customer", "source", "created_at")
    list_select_related = ("customer",)
    fields = concrete_fields(ContextData)


@admin.register(ProcessedMessage)
class ProcessedMessageAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "processed_at")
    ordering = ("-processed_at", "-message_id")
    fields = concrete_fields(ProcessedMessage)
