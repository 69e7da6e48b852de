"""What the filters of all lists share."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import fields
from django_filters import rest_framework as filters


class _InstantField(fields.IsoDateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:  # 9999-12-31T23:59:59-23:59
            raise ValidationError("No such moment can be kept.", code="invalid") from error


class InstantFilter(filters.IsoDateTimeFilter):
    """A moment as RFC 3339 writes it; without an offset it is UTC."""

    field_class = _InstantField
