"""What every resource shares: nothing unknown is accepted, a moment has its offset, an error has one shape."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

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


class ErrorSerializer(serializers.Serializer):
    """One thing that is wrong."""

    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")
    attr = serializers.CharField(allow_null=True, help_text="The field it is about, if any.")


class ErrorsSerializer(serializers.Serializer):
    """The one shape of every error answer."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error.")
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]
