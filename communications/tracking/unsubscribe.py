"""The page behind `unsubscribeUrl`. GET shows and changes nothing, however often a scanner follows it; a POST acts.

The token is all the proof there is, so no cookie, no sign-in and no CSRF mark is asked for: the mail client's own
button (RFC 8058) has none of them.
"""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from communications.actions.unsubscribe import Said, opt_out, undo_opt_out
from communications.models import MessageData
from communications.tracking.hits import visit_of
from communications.tracking.pages import NO_STORE, filled, lost, page
from communications.tracking.preferences import preferences_of
from communications.tracking.tokens import UnknownToken, message_of
from communications.tracking.wording import Words, words_for
from customers.choices import ConsentPurpose, ConsentSource

ONE_CLICK = ("List-Unsubscribe", "One-Click")
_PURPOSES = {"promotions": ConsentPurpose.MARKETING, "everything": ConsentPurpose.ALL}


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    message = _message(token)
    if message is None:
        return lost(request)
    if request.method != "POST":
        return _shown(message)
    if request.POST.get(ONE_CLICK[0]) == ONE_CLICK[1]:
        said = Said(source=ConsentSource.ONE_CLICK, wording="=".join(ONE_CLICK), visit=visit_of(request))
        opt_out(message, purpose=ConsentPurpose.MARKETING, said=said)
        return HttpResponse("Unsubscribed.", content_type="text/plain", headers=NO_STORE)
    if not _obey(request, message):
        return _shown(message, status=400)
    return HttpResponse(status=303, headers={"Location": request.path, **NO_STORE})  # so that a reload posts nothing


def _obey(request: HttpRequest, message: MessageData) -> bool:
    """What the page's buttons say. False for a POST that says nothing."""
    choice, words = request.POST.get("choice", ""), words_for(message.language)
    said = Said(source=ConsentSource.WEB, wording=_wording(choice, words), visit=visit_of(request))
    if choice in _PURPOSES:
        opt_out(message, purpose=_PURPOSES[choice], said=said)
    elif choice == "undo":
        undo_opt_out(message, said=said)
    return choice in _PURPOSES or choice == "undo"


def _wording(choice: str, words: Words) -> str:
    """The words that stood at what was chosen."""
    match choice:
        case "promotions":
            return f"{words.unsubscribe}: {words.promotions}. {words.promotions_hint}"
        case "everything":
            return f"{words.unsubscribe}: {words.everything}. {words.everything_hint}"
    return words.undo


def _shown(message: MessageData, *, status: int = 200) -> HttpResponse:
    preferences, words = preferences_of(message), words_for(message.language)
    off = preferences.off.purpose if preferences.off else ""
    sentence = {
        "": words.question,
        ConsentPurpose.MARKETING: words.promotions_off,
        ConsentPurpose.ALL: words.everything_off,
    }[off]
    return page(
        "communications/unsubscribe/page.html",
        words,
        status=status,
        sentence=filled(sentence, address=message.recipient),
        off=off,
        may_undo=preferences.may_undo,
    )


def _message(token: str) -> MessageData | None:
    try:
        return MessageData.objects.select_related("customer").filter(pk=message_of(token)).first()
    except UnknownToken:
        return None
