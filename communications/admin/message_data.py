"""Messages to customers and employees: why each was sent or not comes first."""

from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display

from communications.actions.events import look_up
from communications.actions.resend import resend_message
from communications.admin.doubt import DoubtFilter
from communications.choices import MessageStatus
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.sending.waiting import waits_for
from config.accounts.models import User
from config.back_office import ReadOnlyAdmin, json_display
from customers.identity.search import spellings

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
    ("What became of it", {"fields": ("what_happened",)}),
    (
        "To whom",
        {"fields": (("recipient", "recipient_name"), ("customer", "employee"), ("appointment", "language"))},
    ),
    ("What", {"fields": ("text", ("message_schema", "schema_version"), ("message_delivery_method", "purpose"))}),
    ("What it cost", {"fields": (("segment_count", "cost", "cost_currency"),)}),
    ("By which way", {"fields": (("provider", "sender"), ("provider_message_id", "error_code"), "failed_reason")}),
    ("Where it belongs", {"fields": (("conversation", "interaction"), "message", ("resend_of", "batch"))}),
    (
        "Times",
        {
            "fields": (
                ("created_ts", "created_by"),
                ("scheduled_ts", "expires_ts"),
                ("sent_ts", "delivered_ts"),
                ("opened_ts", "clicked_ts"),
                ("failed_ts", "updated_ts"),
            )
        },
    ),
    (
        "Record",
        {
            "fields": (
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
class MessageDataAdmin(ReadOnlyAdmin):
    list_display = ("message_number", "recipient", "template", "state", "reason", "taken_on", "sent")
    list_filter = (
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
    search_help_text = "The message's number, or the recipient's whole address"
    actions = ("look_up_at_provider", "send_again")
    change_form_outer_before_template = "communications/admin/_message_actions.html"
    fieldsets = _FIELDSETS

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """A bulk request's page leads here."""
        return lookup == "bulk__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[MessageData], search_term: str
    ) -> tuple[QuerySet[MessageData], bool]:
        term = search_term.strip()
        known = spellings(term, region=settings.PHONE_REGION) if term else []
        return (queryset.filter(Q(message_number=term) | Q(recipient__in=known)) if term else queryset), False

    def has_look_up_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.change_messagedata")

    @action(description="Look up at the provider", permissions=["look_up"])
    def look_up_at_provider(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> None:
        uncertain = queryset.filter(status=MessageStatus.UNCERTAIN)
        asked = uncertain.count()
        settled = look_up(uncertain) if asked else 0
        level = messages.SUCCESS if settled == asked and asked else messages.WARNING
        self.message_user(request, f"Messages in doubt that the provider settled: {settled} of {asked}.", level)

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.add_messagedata")

    @action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> None:
        """A person who presses this has looked: a message in doubt counts as lost."""
        for message in queryset:
            try:
                fresh = resend_message(message, by=cast(User, request.user), despite_doubt=True)
            except SendRefused as refused:
                self.message_user(request, f"{message.message_number}: {refused.detail}", messages.WARNING)
            else:
                told = f"{message.message_number} is sent again as {fresh.message_number}."
                self.message_user(request, told, messages.SUCCESS)

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

    @display(description="Text")
    def text(self, message: MessageData) -> SafeString | str:
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

    @display(description="Events, oldest first")
    def what_happened(self, message: MessageData) -> SafeString:
        events = message.delivery_events.order_by(Coalesce("occurred_at", "received_at"), "received_at", "id")[:200]
        return SafeString(render_to_string("communications/admin/_events.html", {"events": events}))


def shown_status(message: MessageData) -> MessageStatus:
    """A row whose call is under way shows as sending: only its batch knows that."""
    in_flight = message.batch.in_flight if message.batch else ()
    return MessageStatus.SENDING if message.pk in in_flight else MessageStatus(message.status)
