"""What an author wrote, made safe to stand in an e-mail. In comes their text with Liquid, out comes HTML with tokens.

HTML goes through an allow-list. Liquid cannot carry a tag past it: a text in quotes inside Liquid prints unescaped, so
it may hold neither `<` nor `"`, and a variable may stand only where a text or a whole attribute's value may.
"""

import html
import re
from itertools import zip_longest
from urllib.parse import urlsplit

import inscriptis
import nh3
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from liquid.builtin.expressions.primitive import StringLiteral

from communications.rendering import inspection
from communications.rendering.bounds import BoundedEnvironment
from communications.rendering.expressions import inner_expressions
from communications.rendering.problems import TemplateProblem, problem_at
from communications.rendering.tokens import LIQUID, Tokens
from communications.rendering.writable import UNWRITABLE

SAFE_LINK = re.compile(r"(?:https?://|mailto:|tel:)\S", re.IGNORECASE)
SAFE_IMAGE = re.compile(r"https?://\S", re.IGNORECASE)
LINK_WANTED = "An address begins with https://, http://, mailto:, tel: or a variable."
_IMAGE_WANTED = "The address of an image begins with https://, http:// or a variable."

_INLINE = {"b", "i", "u", "a", "br", "strong", "em"}
_SCHEMES = {"http", "https", "mailto", "tel"}
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
_BARE_LESS = re.compile(r"<(?!/?[a-zA-Z][a-zA-Z0-9]*[^<>]*>)")
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_STYLE = re.compile(r'\sstyle="([^"]*)"')
_RAW = re.compile(r"\{%-?\s*raw\b")
_BREAKING = re.compile(r"<br>|</(?:p|div|h[1-6]|li|tr|table|blockquote|pre|ul|ol)>")
_BLANKS = re.compile(r"[ \t]+")
_EMPTY_LINES = re.compile(r"\n{3,}")

_ENVIRONMENT = BoundedEnvironment(html=True)
_TEXT_CLEANER = nh3.Cleaner(tags=_INLINE, attributes={"a": {"href"}}, url_schemes=_SCHEMES, link_rel=None)
_HTML_CLEANER = nh3.Cleaner(
    tags=_INLINE
    | {
        "abbr",
        "blockquote",
        "code",
        "div",
        "hr",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "small",
        "span",
        "sub",
        "sup",
        "ul",
    }
    | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "tfoot", "th", "thead", "tr"},
    attributes={
        "*": {"style", "align", "title", "dir", "lang", "width", "height", "valign", "bgcolor", "role"},
        "a": {"href", "target"},
        "img": {"src", "alt", "border"},
        "table": {"cellpadding", "cellspacing", "border"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan", "scope"},
    },
    url_schemes=_SCHEMES,
    link_rel=None,
    strip_comments=False,
    filter_style_properties={
        *("color", "background-color", "font-family", "font-size", "font-weight", "font-style", "line-height"),
        *("text-align", "text-decoration", "text-transform", "letter-spacing", "vertical-align", "white-space"),
        *("width", "max-width", "min-width", "height", "border", "border-top", "border-right", "border-bottom"),
        *("border-left", "border-collapse", "border-radius", "border-spacing", "list-style-type", "display"),
        *("padding", "padding-top", "padding-right", "padding-bottom", "padding-left"),
        *("margin", "margin-top", "margin-right", "margin-bottom", "margin-left"),
    },
)
_LAYOUT = ParserConfig(display_links=True, css=CSS_PROFILES["strict"])


def hide_liquid(source: str, tokens: Tokens, *, field: str) -> str:
    """`source` with tokens for its Liquid, which is sound. Raises TemplateProblem with field, line and column."""
    try:
        inspection.check_markup(source)
        if letter := UNWRITABLE.search(source):
            raise problem_at("There is a character here that cannot be written.", source, letter.start())
        if raw := _RAW.search(source):  # what stands in it is text, yet it looks like Liquid
            raise problem_at("“raw” cannot be used in an e-mail.", source, raw.start())
        template = inspection.parse(_ENVIRONMENT, source)
        inspection.check(template, source)
        for node in inspection.walk(template):
            for expression in inner_expressions(node):
                if isinstance(expression, StringLiteral) and ("<" in expression.value or '"' in expression.value):
                    said = "A text inside Liquid cannot hold “<” or a double quote."
                    raise problem_at(said, source, expression.token.start_index)
    except TemplateProblem as problem:
        raise problem.in_field(field) from problem
    return tokens.hide(source)


def clean_text(source: str, tokens: Tokens, *, field: str) -> str:
    """Text with line breaks and at most b, i, u, a, br, strong, em. Another tag is refused: it belongs in an html block."""
    readable = LIQUID.sub(lambda liquid: "x" * len(liquid[0]), source)
    for tag in _TAG.finditer(readable):
        if tag[1].lower() not in _INLINE:
            said = f"“<{tag[1][:20]}>” cannot stand in a text; an html block takes it."
            raise problem_at(said, source, tag.start()).in_field(field)
    hidden = _BARE_LESS.sub("&lt;", hide_liquid(source.strip(), tokens, field=field))
    lines = re.sub(r"\r\n?|\n", "<br>", hidden)
    return _checked(source, hidden, _TEXT_CLEANER.clean(lines), tokens, field)


def clean_html(source: str, tokens: Tokens, *, field: str) -> str:
    """An html block: what the allow-list leaves of it. Liquid tags may stand between the rows of a table."""
    hidden = hide_liquid(source, tokens, field=field)
    bare = _COMMENT.sub(lambda comment: "".join(tokens.found(comment[1])), hidden)
    cleaned = _HTML_CLEANER.clean(tokens.as_comments(bare))
    if any(tokens.without_comments(comment[0]) for comment in _COMMENT.finditer(cleaned)):
        raise TemplateProblem("A comment cannot stand in here.", field=field)
    if any(tokens.found(style[1]) for style in _STYLE.finditer(cleaned)):
        raise TemplateProblem("A variable cannot stand in a style.", field=field)
    return _checked(source, hidden, cleaned, tokens, field)


def clean_url(source: str, tokens: Tokens, *, field: str, image: bool = False) -> str:
    """An address with tokens, not escaped. Which scheme a leading variable brings, only the render can tell."""
    url = source.strip()
    if not LIQUID.match(url):
        if not (SAFE_IMAGE if image else SAFE_LINK).match(url):
            raise TemplateProblem(_IMAGE_WANTED if image else LINK_WANTED, field=field)
        _check_host(url, field)
    return hide_liquid(url, tokens, field=field)


def clean_line(source: str, tokens: Tokens, *, field: str) -> str:
    """Plain text in one line, with tokens, not escaped."""
    return " ".join(hide_liquid(source.strip(), tokens, field=field).split())


def as_attribute(hidden: str) -> str:
    """Plain text escaped for HTML, inside quotes too."""
    return html.escape(hidden, quote=True)


def as_plain_text(cleaned: str, tokens: Tokens) -> str:
    """`cleaned` HTML as it is read: lines, lists and tables, with `[label](address)` for a link."""
    text = inscriptis.get_text(f"<div>{cleaned}</div>", _LAYOUT) if cleaned else ""
    if tokens.found(text) != tokens.found(cleaned):  # comments and what stands between rows are no text to it
        text = html.unescape(re.sub(r"<(?!!--)[^>]*>", " ", _BREAKING.sub("\n", cleaned)))
    lines = (_BLANKS.sub(" ", line).strip() if line.strip() else "" for line in text.splitlines())
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _check_host(url: str, field: str) -> None:
    try:
        urlsplit(LIQUID.sub("0", url))
    except ValueError as error:
        raise TemplateProblem(f"This is not an address: {error}.", field=field) from error


def _checked(source: str, before: str, cleaned: str, tokens: Tokens, field: str) -> str:
    """`cleaned`, in which every token has to be where it was."""
    pairs = zip_longest(tokens.found(before), tokens.found(cleaned))
    lost = next((index for index, (was, is_now) in enumerate(pairs) if was != is_now), None)
    if lost is not None:
        places = [liquid.start() for liquid in LIQUID.finditer(source)]
        said = "Liquid stands where nothing can be put in: in a tag, in an address that is not allowed, or in a script."
        raise problem_at(said, source, places[min(lost, len(places) - 1)]).in_field(field)
    return cleaned
