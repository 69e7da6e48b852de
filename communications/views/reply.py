"""The reply box of the conversation page: shown, counted, sent. A refusal keeps the text."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from communications.actions.messages import reply_to_conversation
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.rendering.sms import measure
from config.accounts.models import User
from customers.choices import Channel
from interactions.models import Conversation

_COUNTED = (Channel.SMS, Channel.WHATSAPP)
_may_send = permission_required("communications.add_messagedata", raise_exception=True)


@require_http_methods(["GET", "POST"])
@never_cache
@_may_send
def reply(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: an empty box. POST `text`: send it; the page hears `rapport:replied`, or sees why not above its text."""
    conversation = get_object_or_404(Conversation.objects.select_related("customer"), pk=pk)
    if request.method == "GET":
        return _box(request, conversation)
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    try:
        reply_to_conversation(conversation, text=storable(text), by=cast(User, request.user))
    except SendRefused as refused:
        return _box(request, conversation, text=text, refused=refused)
    return trigger_client_event(_box(request, conversation, focus=True), "rapport:replied")


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
    return render(request, "communications/_deliveries.html", {"rows": rows})


def storable(text: str) -> str:
    """`text` if it can be stored. Raises SendRefused."""
    if "\x00" in text:
        raise SendRefused("invalid_text", "The text holds a character that cannot be sent.", attr="text")
    return text


def _box(
    request: HttpRequest,
    conversation: Conversation,
    *,
    text: str = "",
    refused: SendRefused | None = None,
    focus: bool = False,
) -> HttpResponse:
    context = {
        "conversation": conversation,
        "text": text,
        "refused": refused,
        "focus": focus or refused is not None,
        "counted": conversation.channel in _COUNTED,
        "measure": measure(text),
    }
    return render(request, "communications/_reply.html", context)
