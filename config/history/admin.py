"""The page behind “History” of each tracked row. Whoever may see the row may see it; of a deleted row it stays."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from config.history.changes import PAGE, history_of
from config.history.tracking import history_model


class HistoryAdmin:
    """For admin pages: the triggers' history in place of Django's log, where the model is tracked.

    `followed_links` are models of many-to-many tables, tracked too, whose changes are told among the row's own.
    """

    followed_links: ClassVar[Sequence[type[Model]]] = ()

    def history_view(
        self: Any, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kept = history_model(self.model)
        if kept is None:
            answer: HttpResponse = super().history_view(request, object_id, extra_context)  # type: ignore[misc]
            return answer
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        key = getattr(row, kept.KEY) if row else unquote(object_id)
        try:
            links = [link for model in self.followed_links if (link := history_model(model))]
            before = request.GET.get("before", "")
            history = history_of(kept, key, links=links, before=before)
        except (ValidationError, ValueError) as error:  # no such key can be
            raise Http404 from error
        if row is None and not history.changes:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {row or self.opts.verbose_name}",
            "opts": self.opts,
            "original": row,
            "history": history,
            "page": PAGE,
            "is_newest": not before,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "history/page.html", context)
