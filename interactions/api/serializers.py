"""Conversations and interactions as the API speaks of them (sources 000 and 002)."""

from typing import Any, ClassVar
from uuid import UUID

from django.core.files.storage import default_storage
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from config.api.serializers import Instant, Metadata, StrictSerializer, reference
from customers.models import Customer, Employee
from interactions.actions.record import INLINE_BYTES
from interactions.models import Conversation, Interaction

LONGEST_TRANSCRIPT = 500_000
LONGEST_TEXT = 20_000
MOST = 100  # participants, tags and the like
MOST_SECONDS = 2_147_483_647

_SECONDS = ("duration", "wait_time", "talk_time", "hold_time", "after_call_work")
_TIMES = ("interaction_ts", *(f"{name}_seconds" for name in _SECONDS))
_KIND = ("interaction_type", "interaction_subtype", "channel", "priority_level")
_PEOPLE = ("customer", "conversation", "employee", "supervisor")
_SAID = ("content_format", "content_mime_type", "content_summary")
_LONG = ("content_text", "transcript_text")
_TRANSCRIPT = ("transcript_confidence_score", "transcript_language")
_FELT = ("sentiment_label", "sentiment_score", "sentiment_keywords", "emotion_tags")
_ABOUT = (
    "interaction_intention_entity",
    "interaction_reason",
    "interaction_category",
    "interaction_subcategory",
    "resolution_status",
    "resolution_type",
    "first_contact_resolution",
    "escalation_required",
    "escalation_level",
    "follow_up_required",
    "follow_up_due_date",
    "customer_satisfaction_score",
    "net_promoter_score",
)
_ORIGIN = ("source_system", "external_id", "tags", "custom_fields", "metadata", "interaction_person_entities")


class ParticipantSerializer(StrictSerializer):
    """One who took part: `customer` or `employee`, his id, and what he was (`caller`, `agent`)."""

    person_entity_type = serializers.CharField(max_length=50)
    person_entity_id = serializers.CharField(max_length=100)
    role = serializers.CharField(required=False, max_length=50)


class ListedInteractionSerializer(serializers.ModelSerializer[Interaction]):
    """An interaction in a list: without text, transcript and whatever is open in shape."""

    customer = serializers.UUIDField(source="customer_id")
    conversation = serializers.UUIDField(source="conversation_id", allow_null=True)
    employee = serializers.UUIDField(source="employee_id", allow_null=True)
    supervisor = serializers.UUIDField(source="supervisor_id", allow_null=True)
    interaction_ts = Instant()
    created_ts = Instant()
    updated_ts = Instant()

    class Meta:
        model = Interaction
        fields: ClassVar[tuple[str, ...]] = (
            *(
                "id",
                "interaction_number",
                *_PEOPLE,
                *_KIND,
                "lifecycle",
                *_TIMES,
                *_SAID,
                *_TRANSCRIPT,
                *_FELT,
                *_ABOUT,
            ),
            *("source_system", "external_id", "tags", "attachment_count", "created_ts", "updated_ts"),
        )


class InteractionSerializer(ListedInteractionSerializer):
    """An interaction with what was said, short of its recording (`/content`)."""

    interaction_person_entities = ParticipantSerializer(many=True)
    custom_fields = serializers.DictField()
    metadata = serializers.DictField()

    class Meta(ListedInteractionSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*ListedInteractionSerializer.Meta.fields, *_LONG, *_ORIGIN[3:])


def _words(**kwargs: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=200), max_length=MOST, required=False, **kwargs)


def _range(least: int, most: int) -> dict[str, Any]:
    return {"min_value": least, "max_value": most}


class WrittenInteractionSerializer(StrictSerializer, serializers.ModelSerializer[Interaction]):
    """What a caller may write: who, when and how long, what was said, how it went."""

    customer = reference(Customer.objects.filter(merged_into=None), required=True, allow_null=False)
    conversation = reference(Conversation.objects.all())
    employee = reference(Employee.objects.all())
    supervisor = reference(Employee.objects.all())
    interaction_ts = Instant(required=False, help_text="Left out: now.")
    interaction_person_entities = ParticipantSerializer(many=True, required=False, max_length=MOST)  # type: ignore[call-arg]
    sentiment_keywords = _words()
    emotion_tags = _words()
    tags = _words()
    custom_fields = Metadata(required=False)
    metadata = Metadata(required=False)

    class Meta:
        model = Interaction
        fields: ClassVar = (*_PEOPLE, *_KIND, *_TIMES, *_SAID, *_LONG, *_TRANSCRIPT, *_FELT, *_ABOUT, *_ORIGIN)
        extra_kwargs: ClassVar = {
            "content_text": {"max_length": INLINE_BYTES, "help_text": "Text under 10 KB."},
            "content_summary": {"max_length": LONGEST_TEXT},
            "transcript_text": {"max_length": LONGEST_TRANSCRIPT},
            "transcript_confidence_score": _range(0, 100),
            "sentiment_score": _range(-1, 1),
            "escalation_level": _range(1, 3),
            "customer_satisfaction_score": _range(1, 10),
            "net_promoter_score": _range(-100, 100),
            **{f"{name}_seconds": _range(0, MOST_SECONDS) for name in _SECONDS},
        }

    def validate_content_text(self, text: str) -> str:
        if len(text.encode()) > INLINE_BYTES:
            raise ValidationError([ErrorDetail(f"At most {INLINE_BYTES:,} bytes of text.", code="max_length")])
        return text

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A conversation and an interaction name one customer, who stays the same."""
        owner = self.instance.customer_id if self.instance is not None else attrs["customer"].pk
        conversation = attrs.get("conversation")
        if "customer" in attrs and attrs["customer"].pk != owner:
            raise ValidationError({"customer": [ErrorDetail("An interaction stays its customer's.", code="immutable")]})
        if conversation is not None and conversation.customer_id != owner:
            detail = [ErrorDetail("The conversation is another customer's.", code="wrong_customer")]
            raise ValidationError({"conversation": detail})
        return attrs


class InteractionContentSerializer(serializers.ModelSerializer[Interaction]):
    """What was said, or where it lies: `url` leads to it for a while."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Interaction
        fields: ClassVar = (
            *("id", "content_format", "content_mime_type", "content_size_bytes", "content_text", "content_summary"),
            *("recording_available", "url"),
        )

    def get_url(self, interaction: Interaction) -> str:
        key = interaction.content_object_key
        return default_storage.url(key) if key else interaction.content_url


class InteractionTranscriptSerializer(serializers.ModelSerializer[Interaction]):
    class Meta:
        model = Interaction
        fields: ClassVar = ("id", "transcript_available", "transcript_text", *_TRANSCRIPT)


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    """A conversation; what was said in it are its interactions (`/interaction?conversation=…`)."""

    customer = serializers.UUIDField(source="customer_id")
    assignee = serializers.UUIDField(source="assignee_id", allow_null=True)
    continues = serializers.UUIDField(source="continues_id", allow_null=True)
    started_at = Instant()
    ended_at = Instant(allow_null=True)
    snoozed_until = Instant(allow_null=True)
    last_activity_at = Instant()
    metadata = serializers.DictField()
    created_at = Instant()
    updated_at = Instant()

    class Meta:
        model = Conversation
        fields: ClassVar = tuple(field.name for field in Conversation._meta.concrete_fields)


class WrittenConversationSerializer(StrictSerializer, serializers.ModelSerializer[Conversation]):
    """What a caller may write. `status` closes (with `closed_reason`), or opens what was closed for idleness."""

    customer = reference(Customer.objects.filter(merged_into=None), required=True, allow_null=False)
    assignee = reference(Employee.objects.filter(active_flag=True))
    snoozed_until = Instant(required=False, allow_null=True)
    metadata = Metadata(required=False)

    class Meta:
        model = Conversation
        fields: ClassVar = (
            *("customer", "channel", "status", "closed_reason", "subject", "assignee", "satisfaction_score", "outcome"),
            *("resolution_type", "escalated_to", "snoozed_until", "metadata"),
        )
        extra_kwargs: ClassVar = {"satisfaction_score": _range(1, 10), "channel": {"required": True}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        fixed = {"customer": self._customer_id(attrs), "channel": attrs.get("channel")}
        for name, value in fixed.items():
            if self.instance is not None and name in attrs and value != self._current(name):
                raise ValidationError({name: [ErrorDetail("This never changes by hand.", code="immutable")]})
        if self.instance is None and attrs.get("status", Conversation.Status.ACTIVE) != Conversation.Status.ACTIVE:
            raise ValidationError({"status": [ErrorDetail("A new conversation is active.", code="impossible_move")]})
        return {name: value for name, value in attrs.items() if self.instance is None or name not in fixed}

    def _customer_id(self, attrs: dict[str, Any]) -> UUID | None:
        return attrs["customer"].pk if "customer" in attrs else None

    def _current(self, name: str) -> Any:
        return getattr(self.instance, "customer_id" if name == "customer" else name)
