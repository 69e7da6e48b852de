"""The conversation console: one page, its own read module, the same number of queries however long the thread is."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import get_language_info

from customers.choices import Channel
from interactions.timeline import console as facts_of
from interactions.timeline.presenters import CHANNEL_ICONS, turn
from interactions.views.conversations import thread_context


def console(request: HttpRequest, conversation_id: UUID, site: dict[str, Any]) -> HttpResponse:
    """The page of one conversation, within the site that `site` describes (sidebar, title)."""
    facts = facts_of.load(conversation_id)
    name = facts.customer.display_name
    context = {
        **site,
        **thread_context(facts.conversation),
        "title": name,
        "facts": facts,
        "initials": "".join(word[0] for word in name.split()[:2]).upper(),
        "turn": turn(facts.conversation),
        "channel_icon": CHANNEL_ICONS[Channel(facts.conversation.channel)],
        "local_clock": f"{facts.local_time:%H:%M}" if facts.local_time else "",
        "language_name": language_name(facts.customer.language),
        "live_port": settings.LIVE_PORT,
        "live_url": settings.LIVE_URL,
        "may_reply": request.user.has_perm("communications.add_messagedata"),
        "may_see_sending": request.user.has_perm("communications.view_messagedata"),
        "is_fullwidth": "1",
    }
    return TemplateResponse(request, "admin/interactions/conversation/console.html", context)


def language_name(code: str) -> str:
    """`fr` → French; what is not known stands for itself."""
    try:
        return str(get_language_info(code)["name"])
    except KeyError:
        return code or "Language unknown"
