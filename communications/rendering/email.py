"""E-mail: blocks compiled once a version into HTML and text that still hold Liquid, rendered for each person.

Blocks are checked and cleaned with their Liquid hidden, made into a page, and only then does Liquid come back; so
values are put into finished HTML, escaped, and nothing an author or a customer writes is ever read as a tag.
Links that are followed hold a number in place of their address, which is checked all the same before the mail leaves.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, zip_longest
from typing import Any

from django.conf import settings

from communications.rendering import cleaning
from communications.rendering.blocks import plain_text, read_blocks
from communications.rendering.email_schema import check_shape
from communications.rendering.liquid import Compiled, compile_template
from communications.rendering.mjml import to_html
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.tokens import LIQUID, Tokens
from communications.tracking import footer
from communications.tracking.links import RESERVED, is_http
from communications.tracking.rewrite import lead_past_us
from customers.choices import Purpose

_OPENS_LINK = ('href="', 'src="')
_LINE_ENDS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]\s*")  # a subject is one line of a header


@dataclass(frozen=True, kw_only=True)
class CompiledEmail:
    """Sources of three Liquid templates: `html` escapes its values, `subject` and `text` do not.

    `variables` are the paths that any of them reads, as they first appear, but for those that every message has by
    itself (`trackingUrl`, `unsubscribeUrl`). `links` are the addresses behind the numbers in `html`, 1 the first. A
    version keeps `asdict` of it as JSON.
    """

    html: str
    text: str
    variables: list[str] = field(default_factory=list)
    subject: str = ""
    links: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class RenderedEmail:
    """`subject` is one line; `html` a whole page; `text` the same for those who read no HTML."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class EmailParts:
    """One person's slots of each part, to stand between its static pieces."""

    subject: list[str]
    html: list[str]
    text: list[str]


def compile_email(
    template_schema: Mapping[str, Any],
    *,
    subject: str = "",
    preview_text: str = "",
    purpose: str = Purpose.TRANSACTIONAL,
    language: str = "en",
    campaign: str | None = None,
) -> CompiledEmail:
    """Blocks and global styles (source 000) as a page and a text. Raises TemplateProblem naming the field.

    Opens and clicks are followed when there is a `campaign`, which is the links' utm_campaign. Marketing that nowhere
    offers a way out gets one, below, in `language`.
    """
    check_shape(template_schema)
    source = json.dumps([template_schema, subject, preview_text], ensure_ascii=False)
    tokens = Tokens("l", unlike=source)
    subject_line = tokens.restore(cleaning.clean_line(subject, tokens, field="subject"))
    body = Tokens("l", unlike=source)
    preview = cleaning.clean_line(preview_text, body, field="preview_text")
    blocks = read_blocks(template_schema["blocks"], body)
    text = body.restore(plain_text(blocks))
    if purpose == Purpose.MARKETING:
        blocks, text = footer.below(blocks, text, body, language=language)
    styles = template_schema.get("globalStyles", {})
    page = to_html(blocks, styles, preview=cleaning.as_attribute(preview), source=source)
    if not body.all_found_once(page):
        raise TemplateProblem("These blocks cannot be made into a page.", field="blocks")
    text += "\n"
    variables = _variables(subject_line, body.restore(page), text)
    links: list[str] = []
    if campaign is not None:
        page, links = lead_past_us(page, body, campaign=campaign, source=settings.UTM_SOURCE)
    html = body.restore(page)
    return CompiledEmail(html=html, text=text, subject=subject_line, variables=variables, links=links)


class EmailRenderer:
    """The templates of a compiled e-mail, ready to be filled for one person after another."""

    def __init__(self, compiled: CompiledEmail) -> None:
        self.subject = compile_template(compiled.subject)
        self.html = compile_template(compiled.html, html=True)
        self.text = compile_template(compiled.text)
        self._addresses = [n for n, before in enumerate(self.html.static[:-1]) if before.endswith(_OPENS_LINK)]
        personal = ((n, link) for n, link in enumerate(compiled.links, start=1) if LIQUID.search(link))
        self._links = [(f'/c/{number}"', compile_template(link)) for number, link in personal]

    def parts(self, context: Mapping[str, Any]) -> EmailParts:
        """What is this person's own in the mail; `context` holds the message's `personal_variables` too.

        Raises `MissingVariables` naming all that subject, page, text and links want, `TemplateProblem` when a value
        cannot be rendered or brings an address of a scheme that is not allowed (`javascript:`).
        """
        missing: dict[str, None] = {}
        subject, html, text = (self._slots(each, context, missing) for each in (self.subject, self.html, self.text))
        self._check_links(html, context, missing)
        if missing:
            raise MissingVariables(missing)
        self._check_addresses(html, {context.get(name) for name in RESERVED})
        return EmailParts(subject=[_LINE_ENDS.sub(" ", slot) for slot in subject], html=html, text=text)

    def _slots(self, template: Compiled, context: Mapping[str, Any], missing: dict[str, None]) -> list[str]:
        try:
            return template.slots(context)
        except MissingVariables as error:
            missing.update(dict.fromkeys(error.names))
            return []

    def _check_links(self, slots: Sequence[str], context: Mapping[str, Any], missing: dict[str, None]) -> None:
        """Addresses that the page has only the number of: what they want is noted, where no browser can go raises."""
        for mark, link in self._links:
            if not any(mark in piece for piece in chain(self.html.static, slots)):  # a condition may hide it
                continue
            try:
                url = link.render(context)
            except MissingVariables as error:
                missing.update(dict.fromkeys(error.names))
                continue
            if not is_http(url):
                raise TemplateProblem(
                    f"A link that is followed begins with https://. Not so: “{url[:60]}”.", field="blocks"
                )

    def _check_addresses(self, slots: Sequence[str], ours: set[Any]) -> None:
        """An address that begins with a variable shows its scheme only now; our own are known to be right."""
        for index in self._addresses:
            if slots[index] in ours or cleaning.SAFE_IMAGE.match(slots[index].partition('"')[0]):
                continue
            url = _joined(slots[index : index + 20], self.html.static[index + 1 : index + 21]).partition('"')[0]
            if not cleaning.SAFE_LINK.match(url):
                raise TemplateProblem(f"{cleaning.LINK_WANTED} Not so: “{url[:60]}”.", field="blocks")


def render_email(compiled: CompiledEmail, context: Mapping[str, Any]) -> RenderedEmail:
    """The e-mail for one person. Raises as `EmailRenderer.parts` does."""
    renderer = EmailRenderer(compiled)
    parts = renderer.parts(context)
    return RenderedEmail(
        subject=_joined(renderer.subject.static, parts.subject),
        html=_joined(renderer.html.static, parts.html),
        text=_joined(renderer.text.static, parts.text),
    )


def _variables(subject: str, html: str, text: str) -> list[str]:
    names: dict[str, None] = {}
    for part, source, escaped in (("subject", subject, False), ("blocks", html, True), ("blocks", text, False)):
        try:
            names.update(dict.fromkeys(compile_template(source, html=escaped).variable_order))
        except TemplateProblem as problem:
            raise problem.in_field(part) from problem
    return [name for name in names if name not in RESERVED]


def _joined(first: Sequence[str], second: Sequence[str]) -> str:
    return "".join(chain.from_iterable(zip_longest(first, second, fillvalue="")))


__all__ = [
    "CompiledEmail",
    "EmailParts",
    "EmailRenderer",
    "MissingVariables",
    "RenderedEmail",
    "TemplateProblem",
    "compile_email",
    "render_email",
]
