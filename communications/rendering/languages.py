"""Language tags (BCP 47) as far as templates need them: one spelling of each, and what stands in for it."""

import re

from communications.rendering.problems import TemplateProblem

_TAG = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)


def canonical(tag: str) -> str:
    """`FR_ca` → `fr-CA`, `ZH-hant-tw` → `zh-Hant-TW`. Raises TemplateProblem."""
    found = _TAG.fullmatch(tag.strip())
    if found is None:
        raise TemplateProblem("This has to be a language, such as “en”, “fr-CA” or “zh-Hant”.", field="language")
    language, script, region = found.groups()
    return "-".join(filter(None, (language.lower(), (script or "").title(), (region or "").upper())))


def widening(tag: str) -> tuple[str, ...]:
    """The tag and what it may fall back to, the narrowest first: `fr-CA`, `fr`. None for what is no tag."""
    try:
        parts = canonical(tag).split("-")
    except TemplateProblem:
        return ()
    return tuple("-".join(parts[:count]) for count in range(len(parts), 0, -1))
