"""Blocks of an e-mail template, read: what is authored is clean and its Liquid hidden, each with its plain text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from communications.rendering import cleaning
from communications.rendering.email_schema import NETWORKS
from communications.rendering.problems import TemplateProblem
from communications.rendering.tokens import Tokens

Raw = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Block:
    """`html`, `url`, `image` and `alt` are escaped for their place; `text` is the block in the text part."""

    kind: str
    look: Raw  # styles, then properties
    html: str = ""
    text: str = ""
    url: str = ""
    image: str = ""
    alt: str = ""
    columns: tuple["Column", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    look: Raw
    blocks: tuple[Block, ...] = field(default=())


def read_blocks(raw: Sequence[Raw], tokens: Tokens, *, place: str = "blocks") -> tuple[Block, ...]:
    """The blocks of a template of the right shape. Raises TemplateProblem with the field, such as `blocks[0].content`."""
    return tuple(_READERS[block["type"]](block, tokens, f"{place}[{index}]") for index, block in enumerate(raw))


def plain_text(blocks: Sequence[Block]) -> str:
    """The text part, its Liquid still hidden."""
    return "\n\n".join(block.text for block in blocks if block.text)


def _text(raw: Raw, tokens: Tokens, place: str) -> Block:
    html = cleaning.clean_text(raw["content"], tokens, field=f"{place}.content")
    return Block(kind=raw["type"], look=_look(raw), html=html, text=cleaning.as_plain_text(html, tokens))


def _html(raw: Raw, tokens: Tokens, place: str) -> Block:
    html = cleaning.clean_html(raw["content"], tokens, field=f"{place}.content")
    return Block(kind="html", look=_look(raw), html=html, text=cleaning.as_plain_text(html, tokens))


def _button(raw: Raw, tokens: Tokens, place: str) -> Block:
    label = cleaning.clean_line(raw["content"], tokens, field=f"{place}.content")
    url = _link(raw, tokens, place)
    if not url:
        raise TemplateProblem("A button needs an address.", field=f"{place}.properties.url")
    return Block(
        kind="button",
        look=_look(raw),
        html=cleaning.as_attribute(label),
        text=f"{label}: {url}",
        url=cleaning.as_attribute(url),
    )


def _image(raw: Raw, tokens: Tokens, place: str) -> Block:
    """Source 000 names no field for the address; `content` as its designer has it, or `properties.src`."""
    properties = raw.get("properties", {})
    where = "properties.src" if properties.get("src") else "content"
    address = properties.get("src") or raw.get("content") or ""
    source = cleaning.clean_url(address, tokens, field=f"{place}.{where}", image=True)
    alt = cleaning.clean_line(properties.get("alt", ""), tokens, field=f"{place}.properties.alt")
    url = _link(raw, tokens, place)
    return Block(
        kind="image",
        look=_look(raw),
        image=cleaning.as_attribute(source),
        alt=cleaning.as_attribute(alt),
        url=cleaning.as_attribute(url),
        text=": ".join(filter(None, (alt, url))) if url else alt and f"[{alt}]",
    )


def _social(raw: Raw, tokens: Tokens, place: str) -> Block:
    """Links in words: no icon has to be fetched from anywhere, and it reads with images off."""
    shown, told = [], []
    links = raw["properties"].get("links")
    if not links:
        raise TemplateProblem("“links” is missing.", field=f"{place}.properties.links")
    for index, link in enumerate(links):
        where = f"{place}.properties.links[{index}]"
        url = cleaning.clean_url(link["url"], tokens, field=f"{where}.url")
        label = cleaning.clean_line(link.get("label", NETWORKS[link["platform"]]), tokens, field=f"{where}.label")
        shown.append(f'<a href="{cleaning.as_attribute(url)}">{cleaning.as_attribute(label)}</a>')
        told.append(f"{label}: {url}")
    return Block(kind="social", look=_look(raw), html=" &nbsp;·&nbsp; ".join(shown), text="\n".join(told))


def _columns(raw: Raw, tokens: Tokens, place: str) -> Block:
    columns = tuple(
        Column(
            look={**column.get("styles", {}), **({"width": column["width"]} if "width" in column else {})},
            blocks=read_blocks(column["blocks"], tokens, place=f"{place}.columns[{index}].blocks"),
        )
        for index, column in enumerate(raw["columns"])
    )
    text = plain_text([block for column in columns for block in column.blocks])
    return Block(kind="columns", look=_look(raw), text=text, columns=columns)


def _divider(raw: Raw, tokens: Tokens, place: str) -> Block:
    return Block(kind="divider", look=_look(raw), text="-" * 40)


def _spacer(raw: Raw, tokens: Tokens, place: str) -> Block:
    return Block(kind="spacer", look=_look(raw))


def _look(raw: Raw) -> Raw:
    return {**raw.get("styles", {}), **raw.get("properties", {})}


def _link(raw: Raw, tokens: Tokens, place: str) -> str:
    """`url` as source 000 has it, or `href` as its designer writes it; "" without one."""
    properties = raw.get("properties", {})
    name = next((name for name in ("url", "href") if properties.get(name, "").strip()), "")
    return cleaning.clean_url(properties[name], tokens, field=f"{place}.properties.{name}") if name else ""


_READERS: Mapping[str, Callable[[Raw, Tokens, str], Block]] = {
    "text": _text,
    "heading": _text,
    "image": _image,
    "button": _button,
    "divider": _divider,
    "spacer": _spacer,
    "columns": _columns,
    "html": _html,
    "social": _social,
}
