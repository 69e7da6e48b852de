"""An e-mail's page with its links led past us, done once a version: targets are kept by us, the mail holds a number.

A link is left alone where we could not find the way later: when its address reads what only the template knows (the
item of a loop, an `assign`), when it is one of our own, when it is no http address (`mailto:`, `tel:`, `#`).
"""

import html
import re
from urllib.parse import quote

from liquid.template import BoundTemplate

from communications.rendering import inspection
from communications.rendering.bounds import BoundedEnvironment
from communications.rendering.tokens import Tokens
from communications.tracking.links import RESERVED, TRACKING_URL

_ANCHOR = re.compile(r'(<a\b(?:\s+[^\s"<>=]+(?:="[^"]*")?)*?\s+href=")([^"]*)(?=")')
_HTTP = re.compile(r"https?://\S", re.IGNORECASE)
_STATEFUL = re.compile(r"\{%-?\s*(?:cycle|increment|decrement|ifchanged|liquid)\b")
_PIXEL = (
    f'<img src="{{{{ {TRACKING_URL} }}}}/o.gif" width="1" height="1" alt="" '
    'style="display:block;width:1px;height:1px;border:0;">'
)
_ENVIRONMENT = BoundedEnvironment(html=False)


def lead_past_us(page: str, tokens: Tokens, *, campaign: str, source: str) -> tuple[str, list[str]]:
    """`page` (its Liquid hidden) with links and a picture of ours, and the targets in order: number 1 is the first."""
    own = _own_names(inspection.parse(_ENVIRONMENT, tokens.restore(page)))
    targets: dict[str, int] = {}

    def replace(anchor: re.Match[str]) -> str:
        hidden = html.unescape(anchor[2]).strip()
        if not _is_followed(hidden, tokens, own):
            return anchor[0]
        target = tokens.restore(with_utm(hidden, tokens, campaign=campaign, source=source))
        number = targets.setdefault(target, len(targets) + 1)
        return f"{anchor[1]}{{{{ {TRACKING_URL} }}}}/c/{number}"

    made = _ANCHOR.sub(replace, page)
    before, end, after = made.rpartition("</body>")
    return f"{before}{_PIXEL}{end}{after}", list(targets)


def with_utm(hidden: str, tokens: Tokens, *, campaign: str, source: str) -> str:
    """An address (its Liquid hidden) with the UTM parameters that its author did not give himself; "" as source: none.

    An address that a variable brings whole stays as it is, and one whose query only Liquid decides about.
    """
    found = tokens.found(hidden)
    if not source or hidden == "".join(found) or _query_is_open(hidden, found):
        return hidden
    address, hash_sign, fragment = hidden.partition("#")
    path, _, query = address.partition("?")
    given = {part.partition("=")[0] for part in query.split("&")}
    ours = {"utm_source": source, "utm_medium": "email", "utm_campaign": campaign}
    added = [f"{name}={quote(value, safe='')}" for name, value in ours.items() if name not in given]
    return f"{path}?{'&'.join([*filter(None, [query.rstrip('&')]), *added])}{hash_sign}{fragment}" if added else hidden


def _query_is_open(hidden: str, found: list[str]) -> bool:
    """Whether a Liquid tag stands before a `?` or `#`, so that it may be there or not."""
    first_tag = next((hidden.index(token) for token in found if token.endswith("t")), len(hidden))
    return bool(re.search(r"[?#]", hidden[first_tag:]))


def _is_followed(hidden: str, tokens: Tokens, own: frozenset[str]) -> bool:
    begins_with_liquid = any(hidden.startswith(token) for token in tokens.found(hidden)[:1])
    return bool(begins_with_liquid or _HTTP.match(hidden)) and _stands_alone(tokens.restore(hidden), own)


def _stands_alone(target: str, own: frozenset[str]) -> bool:
    """Whether `target` can be rendered by itself, from the message's variables."""
    if _STATEFUL.search(target):
        return False
    template = inspection.parse(_ENVIRONMENT, target)
    read = {re.split(r"[.\[]", path)[0] for path in inspection.variables_in_order(template)}
    return not (_own_names(template) or read & (own | RESERVED))


def _own_names(template: BoundTemplate) -> frozenset[str]:
    """The names a template gives values to by itself, those of its loops too."""
    nodes = inspection.walk(template)
    return frozenset(str(name) for node in nodes for name in (*node.template_scope(), *node.block_scope()))
