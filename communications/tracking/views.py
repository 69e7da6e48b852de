"""The picture and the links of a mail. One INSERT each, and one SELECT for a link; no session, no sign-in, no cookie.

Nothing in a request chooses where it leads: the target is what its author wrote, rendered with that message's own
values. HEAD is answered alike and leaves no record: it is a machine that asks.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from communications.models import TrackedLink
from communications.rendering.liquid import compile_template
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.tracking.hits import record_hit, visit_of
from communications.tracking.links import click_url, is_http, open_url, personal_variables
from communications.tracking.pages import NO_STORE, lost
from communications.tracking.tokens import UnknownToken, message_of

log = structlog.get_logger(__name__)

_PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_LONGEST = 8_000  # characters of an address that servers and browsers take


@csrf_exempt
@login_not_required
@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    """A transparent dot, whatever else: a mail never shows a broken picture."""
    try:
        if request.method == "GET":
            record_hit(visit_of(request), "open", message_of(token), url=open_url(token))
    except UnknownToken:
        pass
    except Error as error:
        log.warning("open_not_recorded", error=type(error).__name__)
    return HttpResponse(_PICTURE, content_type="image/gif", headers=NO_STORE)


@csrf_exempt
@login_not_required
@require_safe
def click(request: HttpRequest, token: str, position: int) -> HttpResponse:
    """On to the target, or a page that says the link is broken."""
    try:
        message_id = message_of(token)
    except UnknownToken:
        return lost(request)
    target = _target(message_id, position)
    if target is None:
        return lost(request)
    if request.method == "GET":
        record_hit(
            visit_of(request), "click", message_id, url=click_url(token, position), position=position, target=target
        )
    return HttpResponse(status=302, headers={"Location": target, **NO_STORE})


def _target(message_id: UUID, position: int) -> str | None:
    """Where link `position` of the message leads, fit for a header; None where it leads nowhere."""
    values = ("target", "schema_version__messages__content_data__variables")
    links = TrackedLink.objects.filter(schema_version__messages=message_id, position=position)
    found = links.values_list(*values).first()
    return _address(found[0], found[1] or {}, message_id) if found else None


def _address(target: str, variables: Mapping[str, Any], message_id: UUID) -> str | None:
    try:
        rendered = compile_template(target).render({**variables, **personal_variables(message_id)})
    except (MissingVariables, TemplateProblem) as error:
        log.warning("link_leads_nowhere", message_id=str(message_id), error=type(error).__name__)
        return None
    address = iri_to_uri(rendered.strip())  # line breaks and other control characters come out quoted
    return address if is_http(address) and len(address) <= _LONGEST else None
