"""Messages to customers and employees: why each was sent or not comes first."""

import re
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from communications.actions.events import look_up
from communications.actions.resend import resend_message
from communications.admin.doubt import DoubtFilter, DoubtPages, shows_doubt
from communications.admin.lately import LatelyFilter
from communications.admin.message_mail import mail_page, received
from communications.admin.message_story import MOST_EVENTS, story_of
from communications.choices import DeliveryMethod, MessageStatus
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.sending.waiting import waits_for
from config.accounts.models import User
from config.back_office import ReadOnlyAdmin, json_display
from config.jobs.actions import Outcome
from customers.identity.search import looks_like_address, spellings
from customers.models import Customer
from customers.search import matching

_MOST_PEOPLE = 100
_NUMBER = re.compile(r"MSG-\d{4}-\d+")

STATUS_LABELS = {
    MessageStatus.SCHEDULED.label: "info",
    MessageStatus.PENDING.label: "info",
    MessageStatus.SENDING.label: "info",
    MessageStatus.SENT.label: "success",
    MessageStatus.DELIVERED.label: "success",
    MessageStatus.UNCERTAIN.label: "warning",
    MessageStatus.SUPPRESSED.label: "warning",
    MessageStatus.FAILED.label: "danger",
    MessageStatus.BOUNCED.label: "danger",
}


_content, _more = json_display("content_data", "content and variables"), json_display("metadata")
_FIELDSETS = (
    ("Why", {"fields": ("why",)}),
    ("What happened", {"fields": ("what_happened",)}),
    (
        "To whom",
        {"fields": (("recipient", "recipient_name"), ("customer", "employee"), ("appointment", "language"))},
    ),
    ("What", {"fields": ("text", ("message_schema", "schema_version"), ("message_delivery_method", "purpose"))}),
    ("What it cost", {"fields": (("segment_count", "cost", "cost_currency"),)}),
    ("By which way", {"fields": (("provider", "sender"), ("provider_message_id", "error_code"), "failed_reason")}),
    ("Where it belongs", {"fields": (("conversation", "interaction"), "message", ("resend_of", "batch"))}),
    (
        "Record",
        {
            "fields": (
                ("leaves_at", "valid_until"),
                ("retry_count", "max_retries"),
                ("possible_duplicate", "anomaly"),
                ("open_count", "click_count"),
                _content,
                _more,
            ),
            "classes": ("tab",),
        },
    ),
)


@admin.register(MessageData)
class MessageDataAdmin(DoubtPages, ReadOnlyAdmin):
    list_display = ("message_number", "recipient", "template", "state", "reason", "taken_on", "sent")
    list_filter = (
        LatelyFilter,
        DoubtFilter,
        "status",
        "message_delivery_method",
        "purpose",
        "decision_reason",
        ("sent_ts", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_select_related = ("message_schema", "batch")
    search_fields = ("message_number__exact",)
    search_help_text = "The message's number, the recipient's whole address, or the beginning of a customer's name"
    actions = ("look_up_at_provider", "send_again")
    pieces: ClassVar = {"send_again": "send_piece_again"}
    change_form_outer_before_template = "communications/admin/_message_actions.html"
    fieldsets = _FIELDSETS

    class Media:
        css: ClassVar = {"all": ("communications/templates.css",)}
        js = (forms.Script("communications/preview.js", type="module"),)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """A bulk request's page leads here, and a template's."""
        return lookup in ("bulk__id__exact", "message_schema__id__exact") or super().lookup_allowed(
            lookup, value, request
        )

    def get_urls(self) -> list[URLPattern]:
        mail = self.admin_site.admin_view(self.mail_view)
        pages = [path("<uuid:pk>/mail/", mail, name="communications_messagedata_mail"), *self.doubt_urls()]
        return [*pages, *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Of those in doubt: what a person decides by, and his buttons."""
        in_doubt = ("message_number", "recipient", "template", "taken_on", "decide")
        return in_doubt if shows_doubt(request) else self.list_display

    def mail_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return mail_page(request, get_object_or_404(MessageData, pk=pk))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[MessageData], search_term: str
    ) -> tuple[QuerySet[MessageData], bool]:
        term = search_term.strip()
        return (queryset.filter(_meant(term)) if term else queryset), False

    def has_look_up_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.change_messagedata")

    @action(description="Look up at the provider", permissions=["look_up"])
    def look_up_at_provider(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> None:
        """At once, because it waits for the provider; of more than fit on a page the rest is asked by itself."""
        doubtful = queryset.filter(status=MessageStatus.UNCERTAIN).values("pk")[: self.list_per_page]
        uncertain = MessageData.objects.filter(pk__in=doubtful)
        asked = uncertain.count()
        settled = look_up(uncertain) if asked else 0
        level = messages.SUCCESS if settled == asked and asked else messages.WARNING
        self.message_user(request, f"Messages in doubt that the provider settled: {settled} of {asked}.", level)

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.add_messagedata")

    @action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> None:
        """A person who presses this has looked: a message in doubt counts as lost."""
        self.do_at_once(request, "send_again", queryset, "Messages sent again")

    def send_piece_again(self, rows: QuerySet[MessageData], by: User) -> Outcome:
        told, notes = [], []
        for message in rows:
            try:
                fresh = resend_message(message, by=by, despite_doubt=True)
                told.append(f"{message.message_number} is sent again as {fresh.message_number}.")
            except SendRefused as refused:
                notes.append(f"{message.message_number}: {refused.detail}")
        return Outcome(changed=len(told), notes=notes, told=told)

    @display(description="Template")
    def template(self, message: MessageData) -> str:
        return message.message_schema.name if message.message_schema else "Reply"

    @display(description="Status", label=STATUS_LABELS)
    def state(self, message: MessageData) -> str:
        return shown_status(message).label

    @display(description="Reason")
    def reason(self, message: MessageData) -> str:
        return message.get_decision_reason_display() or message.error_code or "–"

    @display(description="Taken on")
    def taken_on(self, message: MessageData) -> datetime:
        return message.created_ts

    @display(description="Sent")
    def sent(self, message: MessageData) -> datetime | None:
        return message.sent_ts

    @display(description="Leaves not before")
    def leaves_at(self, message: MessageData) -> str:
        return _moment(message.scheduled_ts)

    @display(description="Leaves not after")
    def valid_until(self, message: MessageData) -> str:
        return _moment(message.expires_ts)

    @display(description="What it says")
    def text(self, message: MessageData) -> SafeString | str:
        if message.message_delivery_method == DeliveryMethod.EMAIL:
            return received(message)
        text = message.content_data.get("finalMessage", "") if isinstance(message.content_data, dict) else ""
        return format_html('<div class="rp-quote" dir="auto">{}</div>', text) if text else "–"

    @display(description="Why it was sent, or not")
    def why(self, message: MessageData) -> SafeString:
        context = {
            "message": message,
            "status": shown_status(message),
            "tone": STATUS_LABELS.get(shown_status(message).label),
            "waits_for": waits_for(message),
        }
        return SafeString(render_to_string("communications/admin/_why.html", context))

    @display(description="Step by step")
    def what_happened(self, message: MessageData) -> SafeString:
        context = {"message": message, "story": story_of(message), "most": MOST_EVENTS}
        return SafeString(render_to_string("communications/admin/_story.html", context))


def _moment(at: datetime | None) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT") if at else "–"


def _meant(term: str) -> Q:
    """By number and address, and by name the messages of the first hundred whom it means."""
    found = Q(message_number=term) | Q(recipient__in=spellings(term, region=settings.PHONE_REGION))
    if looks_like_address(term) or _NUMBER.fullmatch(term):
        return found
    people = Customer.objects.filter(matching(term)).order_by("id").values_list("id", flat=True)
    return found | Q(customer__in=list(people[:_MOST_PEOPLE]))


def shown_status(message: MessageData) -> MessageStatus:
    """A row whose call is under way shows as sending: only its batch knows that."""
    in_flight = message.batch.in_flight if message.batch else ()
    return MessageStatus.SENDING if message.pk in in_flight else MessageStatus(message.status)
