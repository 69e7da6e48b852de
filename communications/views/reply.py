"""The reply box of the conversation page: shown, counted, sent, taken back. A refusal keeps the text."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from communications.actions.cancel import cancel_message
from communications.actions.messages import reply_to_conversation
from communications.choices import MessageStatus, Reason
from communications.exceptions import SendRefused
from communications.models import MessageData, SendBatch
from communications.rendering.sms import measure
from config.accounts.models import User
from customers.choices import Channel
from interactions.models import Conversation

_COUNTED = (Channel.SMS, Channel.WHATSAPP)
_may_send = permission_required("communications.add_messagedata", raise_exception=True)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What stands above the text, and that it was kept."""

    title: str
    detail: str


TOO_LATE = Told(title="Too late.", detail="This answer is on its way and cannot be taken back.")


@require_http_methods(["GET", "POST"])
@never_cache
@_may_send
def reply(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: an empty box. POST `text`: send it; the page hears `rapport:replied`, or sees why not above its text."""
    conversation = _conversation(pk)
    if request.method == "GET":
        return _box(request, conversation)
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    author, undo = cast(User, request.user), settings.UNDO_SECONDS_PEOPLE
    try:
        reply_to_conversation(conversation, text=storable(text), by=author, undo_seconds=undo)
    except SendRefused as refused:
        return _box(request, conversation, text=text, told=Told(title="Not sent.", detail=refused.detail))
    return trigger_client_event(_box(request, conversation, focus=True), "rapport:replied")


@require_POST
@never_cache
@_may_send
def undo(request: HttpRequest, pk: UUID, message: UUID) -> HttpResponse:
    """Take one's own answer back: its text stands in the box again, before whatever (`text`) was begun since."""
    conversation = _conversation(pk)
    own = MessageData.objects.filter(conversation=conversation, created_by=cast(User, request.user))
    row = get_object_or_404(own, pk=message)
    begun = request.POST.get("text", "")
    if not cancel_message(row):
        return _box(request, conversation, text=begun, told=TOO_LATE)
    texts = (row.content_data["finalMessage"], begun)
    box = _box(request, conversation, text="\n\n".join(text for text in texts if text.strip()), focus=True)
    return trigger_client_event(box, "rapport:replied")


@require_POST
@_may_send
def count(request: HttpRequest) -> HttpResponse:
    """How the carrier would count `text`."""
    return render(request, "communications/_count.html", {"measure": measure(request.POST.get("text", ""))})


@require_GET
@never_cache
@permission_required("communications.view_messagedata", raise_exception=True)
def deliveries(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What became of what was sent in a conversation: a small piece for each outbound entry of its page."""
    rows = MessageData.objects.filter(interaction__conversation=pk).select_related("batch").order_by("-id")[:300]
    at, viewer = timezone.now(), cast(User, request.user)
    pieces = [{"row": row, "undo": _seconds_to_undo(row, viewer, at), "unsaid": _was_taken_back(row)} for row in rows]
    return render(request, "communications/_deliveries.html", {"pieces": pieces})


def storable(text: str) -> str:
    """`text` if it can be stored. Raises SendRefused."""
    if "\x00" in text:
        raise SendRefused("invalid_text", "The text holds a character that cannot be sent.", attr="text")
    return text


def _conversation(pk: UUID) -> Conversation:
    return get_object_or_404(Conversation.objects.select_related("customer"), pk=pk)


def _seconds_to_undo(row: MessageData, viewer: User, at: datetime) -> int:
    """How long its author may still take an answer back: until its batch is due for the first time."""
    waits = row.status == MessageStatus.PENDING and not row.decision and row.message_id
    if not waits or row.created_by_id != viewer.pk:
        return 0
    if row.batch is None or row.batch.state != SendBatch.State.WAITING:
        return 0
    return max(math.ceil((row.batch.due_at - at).total_seconds()), 0)


def _was_taken_back(row: MessageData) -> bool:
    return bool(row.message_id) and (row.status, row.decision_reason) == (MessageStatus.CANCELLED, Reason.CANCELLED)


def _box(
    request: HttpRequest,
    conversation: Conversation,
    *,
    text: str = "",
    told: Told | None = None,
    focus: bool = False,
) -> HttpResponse:
    context = {
        "conversation": conversation,
        "text": text,
        "told": told,
        "focus": focus or told is not None,
        "counted": conversation.channel in _COUNTED,
        "measure": measure(text),
    }
    return render(request, "communications/_reply.html", context)
