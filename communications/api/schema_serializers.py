"""A template as the API speaks of it (source 000, d_message_schema)."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from communications.actions.schemas import CONTENT
from communications.models import MessageSchema
from communications.rendering.problems import TemplateProblem
from config.api.serializers import Instant, Metadata, StrictSerializer

_HEAD = ("code", "name", "descr", "category", "message_delivery_method", "purpose", "status", "active_flag")
_RULES = ("default_language", "rather_twice_than_never", "validity_seconds", "from_ts", "to_ts")
_LARGE = ("template_schema", "attachments")
_FIXED = ("code", "message_delivery_method")  # what messages and programs know a template by
_RECORD = ("version", "created_ts", "updated_ts")
LARGEST_TEMPLATE = 500_000  # characters of one text


class ListedSchemaSerializer(serializers.ModelSerializer[MessageSchema]):
    """A template in a list: without its content and metadata."""

    from_ts = Instant()
    to_ts = Instant(allow_null=True)
    created_ts = Instant()
    updated_ts = Instant()

    class Meta:
        model = MessageSchema
        fields: ClassVar = ("id", *_HEAD, *_RULES, *(name for name in CONTENT if name not in _LARGE), *_RECORD)


class MessageSchemaSerializer(ListedSchemaSerializer):
    """A template with the newest content of its default language. `template_schema` has its derived values too."""

    template_schema = serializers.DictField()
    attachments = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()

    class Meta(ListedSchemaSerializer.Meta):
        fields: ClassVar = (*ListedSchemaSerializer.Meta.fields, *_LARGE, "metadata")


class WrittenSchemaSerializer(StrictSerializer, serializers.ModelSerializer[MessageSchema]):
    """What a caller may write. Derived values within `template_schema` are made anew, never believed."""

    template_schema = serializers.DictField(help_text="By method: blocks, a message, or a push payload.")
    attachments = serializers.ListField(
        child=serializers.CharField(max_length=1_024), max_length=20, required=False, help_text="Storage keys."
    )
    metadata = Metadata(required=False)
    from_ts = Instant(required=False, help_text="It may be sent from this moment on.")
    to_ts = Instant(required=False, allow_null=True, help_text="And until this one.")
    validity_seconds = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2_147_483_647)
    push_ttl = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2_147_483_647)

    class Meta:
        model = MessageSchema
        fields: ClassVar = (*_HEAD, *_RULES, *CONTENT, "metadata")
        extra_kwargs: ClassVar = {
            "code": {"required": False, "help_text": "Made of the category when left out: MSG-SCHEMA-APPT-001."},
            "message_delivery_method": {"required": True},
            **{name: {"max_length": LARGEST_TEMPLATE} for name in ("name", "descr", "subject", "preview_text")},
        }


class ChangedSchemaSerializer(WrittenSchemaSerializer):
    """A change: what is left out stays as it is, but name, method and content."""

    version = serializers.IntegerField(
        required=False, min_value=1, help_text="The one that the change was made of; refused when there is a newer one."
    )

    class Meta(WrittenSchemaSerializer.Meta):
        fields: ClassVar = (*WrittenSchemaSerializer.Meta.fields, "version")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Messages and programs know a template by its code and method: those never change."""
        changed = [name for name in _FIXED if name in attrs and attrs[name] != getattr(self.instance, name)]
        if changed:
            detail = [ErrorDetail("This never changes; make another template.", code="immutable")]
            raise ValidationError(dict.fromkeys(changed, detail))
        return attrs


def as_validation_error(problem: TemplateProblem) -> ValidationError:
    """`template_schema.blocks[0].content`: line 2, column 7: …"""
    told = f"{problem.place.capitalize()}: {problem.message}" if problem.place else problem.message
    named = problem.field.split(".")[0].split("[")[0]
    own = named in WrittenSchemaSerializer.Meta.fields
    attr = problem.field if own else ".".join(filter(None, ("template_schema", problem.field)))
    return ValidationError({attr: [ErrorDetail(told, code="template_error")]})
