"""How our pages for customers leave: kept by no cache, framed by nobody, without a script, telling nobody the address."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from communications.tracking.wording import Words, words_for
from customers.identity.normalise import mask

NO_STORE = {"Cache-Control": "no-store, private"}
_HEADERS = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(template: str, words: Words, *, status: int = 200, **context: Any) -> HttpResponse:
    shown = {"words": words, "brand": settings.BRAND_NAME, "postal": settings.BRAND_ADDRESS, **context}
    return HttpResponse(render_to_string(template, shown), status=status, headers=_HEADERS)


def filled(sentence: str, *, address: str) -> str:
    """A sentence of ours with the brand and the address, masked: whoever holds the link need not learn whose it is."""
    return format_html(sentence, address=format_html("<strong>{}</strong>", mask(address)), brand=settings.BRAND_NAME)


def lost(request: HttpRequest) -> HttpResponse:
    """A link that leads nowhere, in the browser's language: whose it is nobody knows."""
    words = words_for(request.headers.get("Accept-Language", "")[:2])
    return page("communications/unsubscribe/lost.html", words, status=404)
