"""What every page of the back office shares: it counts no further than people read, sorts only what an index sorts, and
searches only by equality or prefix, so that a table of millions opens as quickly as a small one.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, JSONField, Model, QuerySet
from django.forms import Textarea
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from config.history.admin import HistoryAdmin
from config.jobs.actions import EXPORT, Outcome, start_job
from config.jobs.csv import as_csv, write_part
from config.refusals import Refused

if TYPE_CHECKING:
    from config.accounts.models import User
    from config.jobs.models import Job

COUNT_AT_MOST = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows: an exact count of millions would cost more than the page."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.values("pk")[:COUNT_AT_MOST].count()


class BackOfficeAdmin(HistoryAdmin, ModelAdmin):
    """The base of our admin pages. `ordering` is by a unique index; `sortable_by` names columns of small tables.

    An action named in `pieces` is done by that method (`rows`, `by` → Outcome). On rows chosen one by one it is done at
    once, on “all matching” as a job. Every list can be exported.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_fullwidth = True
    ordering: tuple[str, ...] = ("-id",)
    sortable_by: tuple[str, ...] = ()
    warn_unsaved_form = True
    one_line: tuple[str, ...] = ()  # text columns that hold a word or a name
    pieces: ClassVar[Mapping[str, str]] = {}

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in self.one_line:
            field.widget = UnfoldAdminTextInputWidget()
        elif field is not None and isinstance(field.widget, Textarea):
            field.widget.attrs["rows"] = 3
        return field

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if self.has_view_permission(request):
            actions.setdefault(EXPORT, (type(self).export_csv, EXPORT, "Export as CSV"))
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """“All matching” begins a job, whose page is next; Django does the rest."""
        index = request.POST.get("index", "0")
        names = request.POST.getlist("action")
        action = names[int(index)] if index.isdecimal() and int(index) < len(names) else ""
        is_all = request.POST.get("select_across") == "1"
        if not (is_all and action in (EXPORT, *self.pieces) and action in self.get_actions(request)):
            return super().response_action(request, queryset)
        title = f"{self.get_actions(request)[action][2]}: {self.opts.verbose_name_plural}"
        by = cast("User", request.user)
        try:
            job = start_job(action, queryset, title=title, query=request.GET.urlencode(), by=by)
        except Refused as refused:
            messages.warning(request, refused.detail)
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))

    def do_piece(self, job: "Job", rows: QuerySet[Any]) -> Outcome:
        """The next rows of a job."""
        if job.action == EXPORT:
            write_part(rows, job=job.pk, position=job.position)
            return Outcome(changed=rows.count())
        outcome: Outcome = getattr(self, self.pieces[job.action])(rows, job.created_by)
        return outcome

    def do_at_once(self, request: HttpRequest, action: str, rows: QuerySet[Any], done: str) -> None:
        """The same for rows that were chosen one by one. `done` is the sentence before their number."""
        outcome: Outcome = getattr(self, self.pieces[action])(rows, request.user)
        for note in outcome.notes:
            messages.warning(request, note)
        for sentence in outcome.told:
            messages.success(request, sentence)
        if not outcome.told and not outcome.notes:
            level = messages.SUCCESS if outcome.changed else messages.WARNING
            messages.add_message(request, level, f"{done}: {outcome.changed}.")

    def export_csv(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
        headers = {"Content-Disposition": f'attachment; filename="{self.opts.model_name}.csv"'}
        return StreamingHttpResponse(as_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)


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
    return format_html('<pre class="rp-code" tabindex="0">{}</pre>', text)


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
