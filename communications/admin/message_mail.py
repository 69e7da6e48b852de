"""The e-mail of a message on its page: exactly what its reader got, in a frame that can do nothing."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin

from communications.models import MessageData
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.sending.as_sent import mail_as_sent
from communications.views.mail_frame import mail_frame


def received(message: MessageData) -> SafeString:
    """Its head, its frame, its text part and its headers; where it cannot be rendered, why."""
    context: dict[str, Any] = {"message": message}
    try:
        context["mail"] = mail_as_sent(message)
    except (TemplateProblem, MissingVariables) as problem:
        context["problem"] = str(problem)
    return SafeString(render_to_string("communications/admin/_sent_mail.html", context))


@never_cache
@xframe_options_sameorigin
def mail_page(request: HttpRequest, message: MessageData) -> HttpResponse:
    """What the frame shows; `?scheme=dark` as clients show it in the dark."""
    try:
        mail = mail_as_sent(message)
    except (TemplateProblem, MissingVariables) as problem:
        raise Http404(str(problem)) from problem
    return mail_frame(mail.html, dark=request.GET.get("scheme") == "dark")
