"""The parts of the conversation page that are fetched by themselves."""

from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from interactions.models import Conversation
from interactions.timeline import console, feed, presenters


@require_GET
@never_cache
@permission_required("interactions.view_conversation", raise_exception=True)
def thread(request: HttpRequest, pk: UUID) -> HttpResponse:
    """With `since`, the entries from a place on, to be shown again; with `before`, the page of older ones above them."""
    if not request.user.is_staff:
        raise PermissionDenied
    conversation = get_object_or_404(Conversation.objects.select_related("continues"), pk=pk)
    try:
        since, before = _place(request, "since"), _place(request, "before")
    except ValueError:
        return HttpResponseBadRequest("This is no place in a thread.")
    if since:
        entries = presenters.present(feed.thread_since(conversation, since))
        context = {"entries": entries, "turn": presenters.turn(conversation)}
        return render(request, "interactions/_refresh.html", context)
    return render(request, "interactions/_older.html", thread_context(conversation, before=before))


@require_GET
@never_cache
@permission_required("interactions.view_conversation", raise_exception=True)
def about(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What stands beside the thread, read again: addresses, consent, appointments."""
    if not request.user.is_staff:
        raise PermissionDenied
    try:
        facts = console.load(pk)
    except Conversation.DoesNotExist as error:
        raise Http404("No such conversation.") from error
    return render(request, "interactions/_about.html", {"facts": facts, "conversation": facts.conversation})


def thread_context(conversation: Conversation, *, before: feed.Cursor | None = None) -> dict[str, object]:
    """What a page of the thread needs: its entries, where it begins, and where the older ones are."""
    page = feed.thread(conversation, before=before)
    return {
        "conversation": conversation,
        "entries": presenters.present(page),
        "before": page.before,
        "first": page.items[0].place if page.items else feed.BEGINNING,
    }


def _place(request: HttpRequest, name: str) -> feed.Cursor | None:
    text = request.GET.get(name, "")
    return feed.Cursor.parse(text) if text else None
