"""The first page of the back office: what was sent in the last day, what waits for somebody, how each part fares."""

from typing import Any

from django.contrib.auth.decorators import user_passes_test
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from communications.home import Chart, last_day, providers
from config.health import engine_states, queue_states

#: Which process serves each queue, in the words of the Procfile.
_PROCESSES = {"transactional": "sender", "marketing": "campaigns", "celery": "worker"}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: what the page shows besides the menu. Each card is for those who may see what it leads to."""
    may_see_sending = request.user.has_perm("communications.view_messagedata")
    may_see_journal = request.user.has_perm("communications.view_webhookdelivery")
    if may_see_sending:
        day = last_day()
        context |= {
            "day": day,
            "charts": [_chart("Sent", "sent", day.sent), _chart("Failed", "failed", day.failed)],
            "may_see_journal": may_see_journal,
        }
    return context


def _chart(title: str, kind: str, chart: Chart) -> dict[str, Any]:
    messages = reverse("admin:communications_messagedata_changelist")
    return {"title": title, "kind": kind, "chart": chart, "link": f"{messages}?lately={kind}"}


@require_GET
@never_cache
@user_passes_test(lambda user: user.is_staff)
def health(request: HttpRequest) -> HttpResponse:
    """A fragment of its own, because a worker that does not answer is waited for."""
    parts = engine_states()
    if parts.get("redis") == "ok":
        answers = queue_states()
        parts |= {name: "ok" if answers[queue] else "no answer" for queue, name in _PROCESSES.items()}
    shown = providers() if request.user.has_perm("communications.view_providercircuit") else []
    return render(request, "communications/admin/_health.html", {"parts": parts.items(), "providers": shown})
