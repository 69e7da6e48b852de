"""Stand-ins for what a tool must not see: Liquid while HTML is cleaned, whole pieces of HTML while MJML is compiled.

The MJML compiler stops at a bare `<` and the CSS inliner rewrites `>`, so `{% if a < 5 %}` survives neither. A token is
plain letters and digits, which every tool leaves alone; the caller checks that each came back exactly once.
"""

import re
from itertools import count

LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Tokens:
    """Tokens of one e-mail. `unlike` is all that its author wrote: no token looks like a part of it."""

    def __init__(self, mark: str, *, unlike: str) -> None:
        self._prefix = next(prefix for n in count() if (prefix := f"{mark}{n}q") not in unlike)
        self._kept: list[str] = []
        one = rf"{self._prefix}\d{{5}}[tv]"
        self._token = re.compile(one)
        # a Liquid tag between table rows travels as a comment: a parser moves any other text out of the table
        self._token_or_comment = re.compile(rf"<!--({one})-->|({one})")
        self._between_tags = re.compile(rf"(?<=>)(?:\s*{self._prefix}\d{{5}}t)+(?=\s*<)")

    def keep(self, piece: str, *, kind: str = "v") -> str:
        """A token for `piece`; kind `t` for a Liquid tag, `v` for all that prints."""
        self._kept.append(piece)
        return f"{self._prefix}{len(self._kept) - 1:05d}{kind}"

    def hide(self, source: str) -> str:
        """`source` with a token for each piece of Liquid."""
        return LIQUID.sub(lambda found: self.keep(found[0], kind="t" if found[0][1] == "%" else "v"), source)

    def as_comments(self, html: str) -> str:
        """`html` whose Liquid tags between two HTML tags are comments."""
        return self._between_tags.sub(lambda run: self._token.sub(r"<!--\g<0>-->", run[0]), html)

    def found(self, text: str) -> list[str]:
        return self._token.findall(text)

    def all_found_once(self, text: str) -> bool:
        found = self.found(text)
        return len(found) == len(self._kept) == len(set(found))

    def without_comments(self, html: str) -> str:
        return self._token_or_comment.sub("", html)

    def restore(self, text: str) -> str:
        """`text` with every token, bare or as a comment, replaced by what it stands for."""
        return self._token_or_comment.sub(lambda found: self._kept[int((found[1] or found[2])[-6:-1])], text)
