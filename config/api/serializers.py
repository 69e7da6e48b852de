"""What every resource shares: nothing unknown is accepted, a moment has its offset, an error has one shape."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

LARGEST_METADATA = 20_000  # characters of JSON
_MOST_NAMED = 20  # of a body full of unknown fields
_LONGEST_NAME = 100


class StrictSerializer(serializers.Serializer):
    """Refuses fields it does not know (`unknown_field`), told together with whatever else is wrong.

    A misspelt optional field would otherwise be a message sent at the wrong time.
    """

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**error.detail, **unknown}) from error  # type: ignore[dict-item]
        if unknown:
            raise ValidationError(unknown)
        return value

    def _unknown(self, data: Any) -> dict[str, list[ErrorDetail]]:
        if not isinstance(data, Mapping):
            return {}
        known = {name for name, field in self.fields.items() if not field.read_only}
        names = [str(name)[:_LONGEST_NAME] for name in data if name not in known]
        return {name: [ErrorDetail("There is no such field.", code="unknown_field")] for name in names[:_MOST_NAMED]}


class Instant(serializers.DateTimeField):
    """A moment as RFC 3339 writes it, with its offset; answered in UTC."""

    default_error_messages: ClassVar = {
        "no_time_zone": "Add the offset from UTC (2026-01-31T14:00:00Z): without it nobody knows the moment.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("no_time_zone")
        return super().enforce_timezone(value)


@extend_schema_field(OpenApiTypes.OBJECT)
class Metadata(serializers.DictField):
    """The caller's own remarks: kept and given back, never interpreted."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value: dict[str, Any] = super().to_internal_value(data)
        if not is_finite(value):
            raise ValidationError([ErrorDetail("A number is too large.", code="invalid_number")])
        if len(json.dumps(value, ensure_ascii=False)) > LARGEST_METADATA:
            sentence = f"Metadata has at most {LARGEST_METADATA:,} characters of JSON."
            raise ValidationError([ErrorDetail(sentence, code="max_length")])
        return value


def is_finite(value: Any) -> bool:
    """JSON's 1e999 is read as infinity, which no JSON column can hold."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def reference(queryset: Any, **kwargs: Any) -> serializers.PrimaryKeyRelatedField:
    """An id that may be left out; a malformed one is refused like an unknown one, with its field."""
    return serializers.PrimaryKeyRelatedField(
        queryset=queryset, pk_field=serializers.UUIDField(), **{"required": False, "allow_null": True} | kwargs
    )


class ErrorSerializer(serializers.Serializer):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")
    attr = serializers.CharField(allow_null=True, help_text="The field it is about, if any.")


class ErrorsSerializer(serializers.Serializer):
    """The one shape of every error answer."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error.")
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]
