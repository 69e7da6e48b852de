"""What the filters of all lists share."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django_filters import fields
from django_filters import rest_framework as filters

_MOST_FORMS = 500
_FORMS: dict[tuple[Any, ...], type[Form]] = {}


class ListFilter(filters.FilterSet):
    """Filters of a list, of which a request pays for those that it names: django-filter copies all, and makes a form of them."""

    base_filters: dict[str, filters.Filter]

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.base_filters = {name: each for name, each in self.base_filters.items() if name in (data or {})}
        super().__init__(data, *args, **kwargs)

    def get_form_class(self) -> type[Form]:
        """Made once for the filters that are named: no field depends on the request."""
        key = (type(self), *self.filters)
        form = _FORMS.get(key) or super().get_form_class()
        if len(_FORMS) < _MOST_FORMS:  # of all that could be named together, few are
            _FORMS[key] = form
        return form


class ChoicesFilter(filters.MultipleChoiceFilter):
    """Any of the values named. A column of the row itself finds no row twice, so nothing is sorted to see to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, distinct=False, **kwargs)


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
