"""One mail's HTML for the mailbox page, at an address and under a policy of its own.

It comes from a stranger as far as the page is concerned: no script, no form, no way out of its sandbox but links in a new
tab. Pictures are loaded only when asked for, because loading them is what opening a mail means.
"""

import re

from aiohttp import web

from communications.emulator.runtime import RUNTIME

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:{pictures}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
NEW_TAB = '<base target="_blank">'


def routes() -> list[web.RouteDef]:
    return [web.get("/mail/{sid}/html", show)]


async def show(request: web.Request) -> web.Response:
    runtime = request.app[RUNTIME]
    try:
        letter = runtime.letters.of(runtime.mailbox.find(request.match_info["sid"]))
    except KeyError:
        raise web.HTTPNotFound from None
    headers = {
        "Content-Security-Policy": POLICY.format(pictures=" http: https:" if "pictures" in request.query else ""),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return web.Response(text=_in_new_tab(letter.html), content_type="text/html", headers=headers)


def _in_new_tab(html: str) -> str:
    """Before anything else only where there is no head, or a doctype would count no more."""
    head = HEAD.search(html)
    return html[: head.end()] + NEW_TAB + html[head.end() :] if head else NEW_TAB + html
