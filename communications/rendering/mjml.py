"""Blocks → MJML → HTML of tables and inline styles, which Outlook and small screens show right.

What the author wrote is never read by the MJML compiler: it sees a token for each piece, and values out of the closed
lists of `email_schema`. No font and no icon is asked of another host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import css_inline
import mjml
from markupsafe import escape

from communications.rendering.blocks import Block, Column
from communications.rendering.problems import TemplateProblem
from communications.rendering.tokens import Tokens

Look = Mapping[str, Any]

_FONTS = "Arial, Helvetica, sans-serif"
_INK, _LINK_INK, _PAPER, _DESK, _LINE = "#1f2937", "#0b5cad", "#ffffff", "#f3f4f6", "#e5e7eb"
_SIDES, _CROWDED_SIDES, _CROWDED_ROW = "8px 32px", "8px 12px", "0px 20px"
_HEADINGS = {1: "28px", 2: "22px", 3: "18px"}
_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])")
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)

# our style → MJML's attribute, for whatever stands in a text
_FONT = {
    "color": "color",
    "fontFamily": "font-family",
    "fontSize": "font-size",
    "fontWeight": "font-weight",
    "fontStyle": "font-style",
    "lineHeight": "line-height",
    "letterSpacing": "letter-spacing",
    "textDecoration": "text-decoration",
    "textTransform": "text-transform",
}
_BOX = {"textAlign": "align", "align": "align", "padding": "padding", "backgroundColor": "container-background-color"}
_FRAME = {"border": "border", "borderRadius": "border-radius", "width": "width"}
_LINES = {"borderColor": "border-color", "borderWidth": "border-width", "borderStyle": "border-style"}
_BUTTON = {"backgroundColor": "background-color", "textColor": "color", "target": "target"}
_UNITLESS = {"font-weight", "line-height"}


def to_html(blocks: Sequence[Block], styles: Look, *, preview: str, source: str) -> str:
    """The whole HTML page, Liquid still hidden. `source` is all that the author wrote, `preview` escaped text."""
    pieces = Tokens("p", unlike=source)
    made = mjml.mjml2html(_document(blocks, styles, preview, pieces), disable_comments=False)
    if not pieces.all_found_once(made):
        raise TemplateProblem("These blocks cannot be made into a page.", field="blocks")
    return _INLINER.inline(pieces.restore(made))


def _document(blocks: Sequence[Block], styles: Look, preview: str, pieces: Tokens) -> str:
    ink, link = _colour(styles.get("color", _INK)), _colour(styles.get("linkColor", _LINK_INK))
    everywhere = _tag("mj-all", {"font-family": styles.get("fontFamily", _FONTS)})
    text = _tag("mj-text", {"color": ink, "font-size": "16px", "line-height": "1.5", "padding": _SIDES})
    body = {"width": _width(styles), "background-color": _colour(styles.get("backgroundColor", _DESK))}
    head = (
        f"<mj-attributes>{everywhere}{text}</mj-attributes>"
        f"<mj-style>a {{ color: {link}; }} .rich img {{ max-width: 100%; }}</mj-style>"
        + (f"<mj-preview>{pieces.keep(preview)}</mj-preview>" if preview else "")
    )
    inner = "".join(_sections(blocks, pieces))
    sheet = {
        "background-color": _colour(styles.get("contentBackgroundColor", _PAPER)),
        "padding": _lengths(styles.get("padding", "24px 0px")),
    }
    page = _margins(styles, _tag("mj-wrapper", sheet, inner))
    return f"<mjml><mj-head>{head}</mj-head>{_tag('mj-body', body, page)}</mjml>"


def _margins(styles: Look, page: str) -> str:
    """`margin` as space above and below: the sides are the client's."""
    above, *rest = _lengths(styles.get("margin", "24px 0px")).split()
    below = rest[1] if len(rest) > 1 else above
    return _gap(above) + page + _gap(below)


def _gap(height: str) -> str:
    if height == "0px":
        return ""
    spacer = _tag("mj-column", {}, _tag("mj-spacer", {"height": height}))
    return _tag("mj-section", {"padding": "0px"}, spacer)


def _sections(blocks: Sequence[Block], pieces: Tokens) -> Iterable[str]:
    """One section for a run of plain blocks, one for each row of columns."""
    for in_columns, run in groupby(blocks, key=lambda block: block.kind == "columns"):
        if in_columns:
            yield from (_row(block, pieces) for block in run)
        else:
            yield _tag("mj-section", {"padding": "0px"}, _tag("mj-column", {}, _inside(run, pieces)))


def _row(block: Block, pieces: Tokens) -> str:
    crowded = len(block.columns) > 2  # then the usual space at the sides would leave no room for words
    look = {"padding": _CROWDED_ROW if crowded else "0px"}
    look |= _attributes(block.look, {"padding": "padding", "backgroundColor": "background-color"})
    columns = [_narrowed(column) if crowded else column for column in block.columns]
    return _tag("mj-section", look, "".join(_column(column, pieces) for column in columns))


def _narrowed(column: Column) -> Column:
    blocks = (
        block if block.kind == "spacer" else replace(block, look={"padding": _CROWDED_SIDES, **block.look})
        for block in column.blocks
    )
    return replace(column, blocks=tuple(blocks))


def _column(column: Column, pieces: Tokens) -> str:
    look = _attributes(column.look, {"width": "width", "padding": "padding", "backgroundColor": "background-color"})
    return _tag("mj-column", {"vertical-align": "top"} | look, _inside(column.blocks, pieces))


def _inside(blocks: Iterable[Block], pieces: Tokens) -> str:
    return "".join(_MAKERS[block.kind](block, pieces) for block in blocks)


def _text(block: Block, pieces: Tokens) -> str:
    return _tag("mj-text", _attributes(block.look, _FONT | _BOX), pieces.keep(block.html))


def _html(block: Block, pieces: Tokens) -> str:
    look = _attributes(block.look, _FONT | _BOX)
    return _tag("mj-text", {"css-class": "rich"} | look, pieces.keep(block.html))


def _heading(block: Block, pieces: Tokens) -> str:
    """A real heading for screen readers; its look is on it, for clients have their own ideas of one."""
    level = block.look.get("level", 1)
    look = {"font-size": _HEADINGS[level], "font-weight": "bold", "line-height": "1.25"}
    look |= _attributes(block.look, _FONT | _BOX)
    style = "".join(f"{name}:{look[name]};" for name in ("font-size", "font-weight", "line-height"))
    return _tag("mj-text", look, pieces.keep(f'<h{level} style="margin:0;{style}">{block.html}</h{level}>'))


def _button(block: Block, pieces: Tokens) -> str:
    look = {"background-color": _LINK_INK, "color": "#ffffff", "font-size": "16px", "font-weight": "bold"}
    look |= {"border-radius": "6px", "inner-padding": "12px 28px", "padding": "12px 32px", "align": "left"}
    look |= _attributes(block.look, _FONT | _FRAME | _BOX | _BUTTON)
    return _tag("mj-button", look | {"href": pieces.keep(block.url)}, pieces.keep(block.html))


def _image(block: Block, pieces: Tokens) -> str:
    """One without a width fills its place, also where columns come to stand below each other."""
    fluid = {} if "width" in block.look else {"fluid-on-mobile": "true"}
    look = fluid | {"padding": _SIDES} | _attributes(block.look, _BOX | _FRAME | {"target": "target"})
    look |= {"src": pieces.keep(block.image), "alt": pieces.keep(block.alt)}
    return _tag("mj-image", look | ({"href": pieces.keep(block.url)} if block.url else {}))


def _divider(block: Block, pieces: Tokens) -> str:
    look = {"border-color": _LINE, "border-width": "1px", "padding": "16px 32px"}
    names = {"color": "border-color"} | _LINES | _BOX | {"width": "width"}
    return _tag("mj-divider", look | _attributes(block.look, names))


def _spacer(block: Block, pieces: Tokens) -> str:
    names = {"height": "height", "backgroundColor": "container-background-color"}
    return _tag("mj-spacer", {"height": "24px"} | _attributes(block.look, names))


def _social(block: Block, pieces: Tokens) -> str:
    look = {"align": "center", "font-size": "14px"} | _attributes(block.look, _FONT | _BOX)
    return _tag("mj-text", look, pieces.keep(block.html))


_MAKERS = {
    "text": _text,
    "heading": _heading,
    "image": _image,
    "button": _button,
    "divider": _divider,
    "spacer": _spacer,
    "html": _html,
    "social": _social,
}


def _tag(name: str, attributes: Mapping[str, str], inner: str = "") -> str:
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{inner}</{name}>"


def _attributes(look: Look, names: Mapping[str, str]) -> dict[str, str]:
    return {names[ours]: _value(names[ours], look[ours]) for ours in look if ours in names}


def _value(name: str, value: object) -> str:
    if name.endswith("color"):
        return _colour(str(value))
    return str(value).strip() if name in _UNITLESS else _lengths(str(value))


def _lengths(value: str) -> str:
    """Bare numbers are pixels."""
    return re.sub(r"(?<![\w.#%-])(\d+)(?![\w.%])", r"\1px", value.strip())


def _colour(value: str) -> str:
    """Outlook does not know `#abc`."""
    short = _SHORT_COLOUR.fullmatch(value)
    return "#" + "".join(letter * 2 for letter in short.groups()) if short else value


def _width(styles: Look) -> str:
    return _lengths(str(styles.get("maxWidth", "600px")))
