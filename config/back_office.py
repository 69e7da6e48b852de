"""What every page of the back office shares: it counts no further than people read, sorts only what an index sorts, and
searches only by equality or prefix, so that a table of millions opens as quickly as a small one.
"""

import json
from typing import Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, JSONField, Model, QuerySet
from django.forms import Textarea
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

COUNT_AT_MOST = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows: an exact count of millions would cost more than the page."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.values("pk")[:COUNT_AT_MOST].count()


class BackOfficeAdmin(ModelAdmin):
    """The base of our admin pages. `ordering` is by a unique index; `sortable_by` names columns of small tables."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_fullwidth = True
    ordering: tuple[str, ...] = ("-id",)
    sortable_by: tuple[str, ...] = ()
    warn_unsaved_form = True
    one_line: tuple[str, ...] = ()  # text columns that hold a word or a name

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in self.one_line:
            field.widget = UnfoldAdminTextInputWidget()
        elif field is not None and isinstance(field.widget, Textarea):
            field.widget.attrs["rows"] = 3
        return field


class ReadOnlyAdmin(BackOfficeAdmin):
    """Rows that only the program writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    """Rows of another table, beside their owner, for reading."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields or ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def json_block(value: Any) -> SafeString | str:
    """`value` as indented JSON in a block of its own; a dash for nothing."""
    if value in (None, {}, []):
        return "–"
    text = json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
    return format_html('<pre class="rp-code">{}</pre>', text)


def json_display(field: str, description: str = "") -> Any:
    """A read-only admin field that shows the JSON column `field` as a block."""

    @admin.display(description=description or field.replace("_", " "))
    def show(row: Model) -> SafeString | str:
        return json_block(getattr(row, field))

    return show


def concrete_fields(model: type[Model], *, without: tuple[str, ...] = ()) -> list[Any]:
    """The names of the model's columns in their order, JSON columns replaced by blocks: a plain page of everything."""
    return [
        json_display(field.name) if isinstance(field, JSONField) else field.name
        for field in model._meta.concrete_fields
        if field.name not in without
    ]
