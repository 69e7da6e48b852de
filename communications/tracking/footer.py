"""The way out of marketing, where its author left it out: who writes, from where, and a link to want no more (CAN-SPAM, CASL).

A link that a condition may hide is no way out, so only one that is always printed counts. Page and text part are
judged apart: a reader of either has to find it.
"""

from collections.abc import Iterator, Sequence
from html import escape

from django.conf import settings

from communications.rendering.blocks import Block
from communications.rendering.liquid import compile_template
from communications.rendering.problems import TemplateProblem
from communications.rendering.tokens import Tokens
from communications.tracking.links import UNSUBSCRIBE_URL
from communications.tracking.wording import words_for

_LOOK = {"fontSize": "12px", "color": "#6b7280", "textAlign": "center", "padding": "24px 32px 8px"}
_LINK = f"{{{{ {UNSUBSCRIBE_URL} }}}}"


def below(blocks: tuple[Block, ...], text: str, tokens: Tokens, *, language: str) -> tuple[tuple[Block, ...], str]:
    """Blocks and text part, each with a footer where it has no way out."""
    if not _offers_way_out(tokens.restore(" ".join(_shown(blocks))), html=True):
        blocks = (*blocks, _block(tokens, language))
    if not _offers_way_out(text, html=False):
        label = words_for(language).unsubscribe
        text = f"{text}\n\n-- \n{imprint()}\n{label}: {_LINK}"
    return blocks, text


def _offers_way_out(source: str, *, html: bool) -> bool:
    try:
        return UNSUBSCRIBE_URL in compile_template(source, html=html).required
    except TemplateProblem:
        return False


def _shown(blocks: Sequence[Block]) -> Iterator[str]:
    """What of the blocks is on the page, their Liquid hidden."""
    for block in blocks:
        yield block.html
        yield block.url
        for column in block.columns:
            yield from _shown(column.blocks)


def _block(tokens: Tokens, language: str) -> Block:
    label = escape(words_for(language).unsubscribe)
    link = f'<a href="{tokens.keep(_LINK)}" style="color:#6b7280;">{label}</a>'
    return Block(kind="text", look=_LOOK, html=f"{escape(imprint())}<br>{link}")


def imprint() -> str:
    """Our name and postal address in one line, which the law asks of advertising mail (CAN-SPAM, CASL)."""
    return " · ".join(filter(None, (settings.BRAND_NAME, settings.BRAND_ADDRESS)))
