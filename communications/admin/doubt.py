"""Messages in doubt: those that a person should look at, and his buttons: ask the provider, it arrived, it is lost, send again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from communications.actions.doubt import take_for_arrived, take_for_lost
from communications.actions.events import look_up
from communications.actions.resend import resend_message
from communications.choices import MessageStatus
from communications.exceptions import SendRefused
from communications.models import MessageData
from config.accounts.models import User

_LIST = "admin:communications_messagedata_changelist"


class DoubtFilter(admin.SimpleListFilter):
    title = "doubt"
    parameter_name = "doubt"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("person", "For a person to look at")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> QuerySet[MessageData]:
        """A decision is made just before the call (or noted when its sender was found dead): it tells the doubt's age."""
        if self.value() != "person":
            return queryset
        since = timezone.now() - timedelta(seconds=settings.UNCERTAIN_STAFF_AFTER_SECONDS)
        return queryset.filter(status=MessageStatus.UNCERTAIN, decided_ts__lte=since)


def shows_doubt(request: HttpRequest) -> bool:
    """Whether the list is of messages in doubt alone, so that each row has its buttons."""
    is_uncertain = request.GET.get("status__exact") == MessageStatus.UNCERTAIN
    return (is_uncertain or bool(request.GET.get("doubt"))) and _may_decide(request)


class DoubtPages:
    """What the messages' pages have besides for those in doubt."""

    admin_site: admin.AdminSite

    @display(description="Decide")
    def decide(self, message: MessageData) -> SafeString | str:
        if message.status != MessageStatus.UNCERTAIN:
            return "–"
        return SafeString(render_to_string("communications/admin/_decide.html", {"message": message}))

    def doubt_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.decide_view))
        return [path("<uuid:pk>/decide/<str:word>/", view, name="communications_messagedata_decide")]

    def decide_view(self, request: HttpRequest, pk: UUID, word: str) -> HttpResponse:
        """`word` is one of `look-up`, `arrived`, `lost` and `again`. Leads back to where the button was."""
        if not _may_decide(request) or (
            word == "again" and not request.user.has_perm("communications.add_messagedata")
        ):
            raise PermissionDenied
        if word not in _WORDS:
            raise Http404
        message = get_object_or_404(MessageData, pk=pk)
        try:
            said = _WORDS[word](message, cast(User, request.user))
        except SendRefused as refused:
            messages.warning(request, f"{message.message_number}: {refused.detail}")
        else:
            messages.success(request, f"{message.message_number}: {said}")
        if "_page" in request.POST:
            return HttpResponseRedirect(reverse("admin:communications_messagedata_change", args=[pk]))
        return HttpResponseRedirect(reverse(_LIST, query={"status__exact": MessageStatus.UNCERTAIN.value}))


def _may_decide(request: HttpRequest) -> bool:
    return request.user.has_perm("communications.change_messagedata")


def _looked_up(message: MessageData, by: User) -> str:
    settled = look_up(MessageData.objects.filter(pk=message.pk))
    return "the provider settled it." if settled else "the provider cannot tell (yet)."


def _arrived(message: MessageData, by: User) -> str:
    take_for_arrived(message, by=by)
    return "it counts as sent."


def _lost(message: MessageData, by: User) -> str:
    take_for_lost(message, by=by)
    return "it counts as failed."


def _again(message: MessageData, by: User) -> str:
    return f"sent again as {resend_message(message, by=by, despite_doubt=True).message_number}."


_WORDS: dict[str, Callable[[MessageData, User], str]] = {
    "look-up": _looked_up,
    "arrived": _arrived,
    "lost": _lost,
    "again": _again,
}
