"""Interactions: every touch, for reading."""

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from config.back_office import ReadOnlyAdmin, ReadOnlyInline, json_display
from interactions.models import ContextData, Interaction, Message


class MessageInline(ReadOnlyInline):
    model = Message
    fields = ("sent_at", "direction", "role", "channel", "content", "delivery_status")
    ordering = ("sent_at", "id")
    tab = True


class ContextInline(ReadOnlyInline):
    model = ContextData
    fields = ("context_type", "source", "data", "created_at")
    ordering = ("-id",)
    tab = True


_people = json_display("interaction_person_entities", "people")
_origin = json_display("integration_metadata", "integration")
_custom, _more = json_display("custom_fields", "custom fields"), json_display("metadata")
_FIELDSETS = (
    (
        None,
        {
            "fields": (
                ("interaction_number", "lifecycle"),
                ("customer", "conversation"),
                ("interaction_type", "interaction_subtype"),
                ("channel", "interaction_ts"),
                ("employee", "supervisor"),
            )
        },
    ),
    (
        "What was said",
        {
            "fields": (
                "content_text",
                "content_summary",
                "transcript_text",
                ("content_format", "content_size_bytes"),
                "content_object_key",
            )
        },
    ),
    (
        "How long",
        {
            "fields": (
                ("duration_seconds", "wait_time_seconds"),
                ("talk_time_seconds", "hold_time_seconds"),
                "after_call_work_seconds",
            ),
            "classes": ("tab",),
        },
    ),
    (
        "What was understood",
        {
            "fields": (
                ("ai_analyzed", "sentiment_label"),
                ("sentiment_score", "sentiment_keywords"),
                ("emotion_tags", "interaction_intention_entity"),
                ("interaction_reason", "interaction_category"),
                ("priority_level", "resolution_status"),
                ("customer_satisfaction_score", "net_promoter_score"),
                ("quality_score", "quality_reviewed_by"),
                "compliance_flags",
            ),
            "classes": ("tab",),
        },
    ),
    (
        "Record",
        {
            "fields": (
                ("chunk_number", "total_chunks"),
                "parent_interaction",
                _people,
                ("source_system", "external_id"),
                ("consent_recorded", "gdpr_compliant"),
                ("pii_redacted", "data_retention_date"),
                "tags",
                _origin,
                _custom,
                _more,
                ("created_ts", "updated_ts"),
                ("archived_ts", "deleted_ts"),
            ),
            "classes": ("tab",),
        },
    ),
)


@admin.register(Interaction)
class InteractionAdmin(ReadOnlyAdmin):
    list_display = (
        "interaction_number",
        "customer",
        "interaction_type",
        "way",
        "channel",
        "lifecycle",
        "interaction_ts",
    )
    list_filter = (
        "interaction_type",
        "interaction_subtype",
        ("interaction_ts", RangeDateTimeFilter),
        "sentiment_label",
    )
    list_filter_submit = True
    list_select_related = ("customer",)
    search_fields = ("interaction_number__exact",)
    search_help_text = "The number, such as INT-2026-00001"
    inlines = (MessageInline, ContextInline)
    fieldsets = _FIELDSETS

    @display(description="Direction", label={"Inbound": "info", "Outbound": "success"})
    def way(self, interaction: Interaction) -> str:
        return interaction.get_interaction_subtype_display()
