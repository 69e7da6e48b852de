"""Messages of the record: one utterance each, with what its channel and the analysis know of it."""

from django.contrib import admin
from unfold.decorators import display

from config.back_office import ReadOnlyAdmin, ReadOnlyInline, json_display
from interactions.models import (
    AiAnalysis,
    Attachment,
    CommunicationEvent,
    EmailDetails,
    Message,
    SmsDetails,
    VoiceCallDetails,
)
from interactions.timeline.presenters import JOINED


class SmsInline(ReadOnlyInline):
    model = SmsDetails
    fields = (
        "from_number",
        "to_number",
        "provider_message_id",
        "segments",
        "delivery_status",
        "error_code",
        "error_message",
    )
    tab = True


class EmailInline(ReadOnlyInline):
    model = EmailDetails
    fields = ("subject", "from_address", "to_addresses", "delivery_status")
    tab = True


class VoiceInline(ReadOnlyInline):
    model = VoiceCallDetails
    fields = ("from_number", "to_number", "duration_seconds", "menu_selection")
    tab = True


class AttachmentInline(ReadOnlyInline):
    model = Attachment
    fields = ("filename", "type", "mime_type", "size_bytes")
    ordering = ("id",)
    tab = True


class AnalysisInline(ReadOnlyInline):
    model = AiAnalysis
    fields = ("language", "backend", "model", "created_at")
    tab = True


class EventInline(ReadOnlyInline):
    model = CommunicationEvent
    fields = ("timestamp", "event_type", "details")
    ordering = ("timestamp",)
    tab = True


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("excerpt", "way", "channel", "conversation", "delivery_status", "sent_at")
    list_filter = ("direction", "channel", "role", "delivery_status")
    list_select_related = ("conversation",)
    search_fields = ("channel_message_id__exact",)
    search_help_text = "The provider's id, such as Twilio's SID or a Message-ID"
    inlines = (SmsInline, EmailInline, VoiceInline, AttachmentInline, AnalysisInline, EventInline)
    processed_block, tools = (
        json_display("processed_content", "what was made of it"),
        json_display("tool_calls", "tool calls"),
    )
    more = json_display("metadata")
    fieldsets = (
        (None, {"fields": ("content", ("direction", "role"), ("channel", "employee"), ("sent_at", "delivery_status"))}),
        ("Where it stands", {"fields": ("conversation", "interaction", "joined", "channel_message_id")}),
        (
            "Record",
            {
                "fields": (
                    "content_type",
                    "content_hash",
                    "processed",
                    "processing_error",
                    ("tokens_used", "latency_ms"),
                    processed_block,
                    tools,
                    more,
                    "created_at",
                ),
                "classes": ("tab",),
            },
        ),
    )

    @display(description="Message")
    def excerpt(self, message: Message) -> str:
        text = " ".join(message.content.split())
        return text[:90] + ("…" if len(text) > 90 else "") or "–"

    @display(description="Why it stands there")
    def joined(self, message: Message) -> str:
        return JOINED.get(message.joined_because, message.joined_because) or "–"

    @display(description="Direction", label={"Inbound": "info", "Outbound": "success"})
    def way(self, message: Message) -> str:
        return message.get_direction_display()
