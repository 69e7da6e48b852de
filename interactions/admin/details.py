"""What hangs on a message, each by itself."""

from django.contrib import admin

from config.back_office import ReadOnlyAdmin, concrete_fields
from interactions.models import AiAnalysis, Attachment, EmailDetails, SmsDetails, VoiceCallDetails


@admin.register(SmsDetails)
class SmsDetailsAdmin(ReadOnlyAdmin):
    list_display = ("from_number", "to_number", "provider_message_id", "segments", "delivery_status")
    list_filter = ("delivery_status",)
    search_fields = ("provider_message_id__exact",)
    search_help_text = "Twilio's SID"
    fields = concrete_fields(SmsDetails)


@admin.register(EmailDetails)
class EmailDetailsAdmin(ReadOnlyAdmin):
    list_display = ("subject", "from_address", "delivery_status")
    list_filter = ("delivery_status",)
    search_fields = ("message_id_header__exact", "provider_message_id__exact")
    search_help_text = "The Message-ID or the provider's id"
    fields = concrete_fields(EmailDetails)


@admin.register(VoiceCallDetails)
class VoiceCallDetailsAdmin(ReadOnlyAdmin):
    list_display = ("call_sid", "from_number", "to_number", "duration_seconds", "menu_selection")
    search_fields = ("call_sid__exact",)
    search_help_text = "The call's SID"
    fields = concrete_fields(VoiceCallDetails)


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    list_display = ("filename", "type", "mime_type", "size_bytes", "created_at")
    fields = concrete_fields(Attachment)


@admin.register(AiAnalysis)
class AiAnalysisAdmin(ReadOnlyAdmin):
    list_display = ("message_id", "language", "backend", "model", "created_at")
    fields = concrete_fields(AiAnalysis)
