"""The page behind “History” of each tracked row. Whoever may see the row may see it; of a deleted row it stays."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from config.history.changes import PAGE, history_of
from config.history.tracking import history_model

_LONGEST = 18  # digits of a place in the history


class HistoryAdmin:
    """For admin pages: the triggers' history in place of Django's log, where the model is tracked."""

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
            history = history_of(kept, key, before=_place(request))
        except ValidationError as error:  # no such key can be
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
            "is_newest": _place(request) is None,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "history/page.html", context)


def _place(request: HttpRequest) -> int | None:
    asked = request.GET.get("before", "")
    return int(asked) if asked.isdecimal() and len(asked) <= _LONGEST else None
