"""Conversations: the list, the console that a click opens, and the plain record of all fields behind it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.decorators import display

from config.back_office import BackOfficeAdmin, concrete_fields
from customers.choices import Channel
from customers.identity.search import spellings
from customers.models import CustomerIdentifier
from interactions.models import Conversation, Message
from interactions.timeline.presenters import CHANNEL_ICONS, turn
from interactions.views.console import console

_EXCERPT = 90
_EDITABLE = ("subject", "assignee", "snoozed_until")
_READ = tuple(concrete_fields(Conversation, without=("id", *_EDITABLE)))


@admin.register(Conversation)
class ConversationAdmin(BackOfficeAdmin):
    list_display = ("who", "line", "excerpt", "whose_turn", "activity", "assignee")
    list_filter = ("status", "channel", "last_message_direction", "closed_reason")
    list_select_related = ("customer", "assignee")
    list_display_links = ("who", "excerpt")
    ordering = ("-last_activity_at", "-id")
    search_fields = ("external_thread_key__exact",)
    search_help_text = "A customer's whole address"
    autocomplete_fields = ("assignee",)
    fields = (*_EDITABLE, *_READ)
    readonly_fields = _READ

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        live = {"live_port": settings.LIVE_PORT, "live_url": settings.LIVE_URL}
        return super().changelist_view(request, {**(extra_context or {}), **live})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        last = Message.objects.filter(conversation=OuterRef("pk")).order_by("-created_at")
        return super().get_queryset(request).annotate(last_text=Subquery(last.values(text=Left("content", 200))[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        if not search_term.strip():
            return queryset, False
        known = spellings(search_term, region=settings.PHONE_REGION)
        owners = CustomerIdentifier.objects.filter(identifier_value__in=known).values("customer")
        return queryset.filter(customer__in=owners), False

    def get_urls(self) -> list[URLPattern]:
        record = self.admin_site.admin_view(self.record_view)
        return [path("<uuid:pk>/record/", record, name="interactions_conversation_record"), *super().get_urls()]

    def record_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return super().change_view(request, str(pk))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        site = self.admin_site.each_context(request) | {"opts": self.opts}
        try:
            return console(request, self.opts.pk.to_python(object_id), site)
        except (ValidationError, Conversation.DoesNotExist):
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)

    @display(description="Customer", header=True)
    def who(self, conversation: Conversation) -> tuple[str, str, str]:
        name = conversation.customer.display_name
        return name, conversation.subject, "".join(word[0] for word in name.split()[:2])

    @display(description="Channel")
    def line(self, conversation: Conversation) -> SafeString:
        icon = CHANNEL_ICONS[Channel(conversation.channel)]
        return format_html(
            '<span class="rp-inline"><span class="material-symbols-outlined">{}</span>{}</span>',
            icon,
            conversation.get_channel_display(),
        )

    @display(description="Last message")
    def excerpt(self, conversation: Conversation) -> SafeString | str:
        text = " ".join((getattr(conversation, "last_text", None) or "").split())
        if not text:
            return "–"
        ours = "You: " if conversation.last_message_direction == "outbound" else ""
        short = text[:_EXCERPT] + ("…" if len(text) > _EXCERPT else "")
        return format_html('<span class="rp-excerpt">{}{}</span>', ours, short)

    @display(description="Turn", label={"Waiting for us": "warning", "Closed": "success"})
    def whose_turn(self, conversation: Conversation) -> str:
        return turn(conversation).label

    @display(description="Last activity")
    def activity(self, conversation: Conversation) -> SafeString:
        at = conversation.last_activity_at
        return format_html('<time title="{}">{} ago</time>', f"{at:%Y-%m-%d %H:%M} UTC", timesince(at, depth=1))
