"""Finding rows by an address that a person typed in his own way."""

from customers.identity.normalise import InvalidAddress, normalise

_KINDS = ("email", "phone", "social")


def spellings(term: str, *, region: str = "CA") -> list[str]:
    """The stored forms that `term` may stand for, each once: `(519) 555-0142` gives `+15195550142` and itself."""
    found: dict[str, None] = {}
    for kind in _KINDS:
        try:
            found[normalise(kind, term, region=region)] = None
        except InvalidAddress:
            continue
    return list(found)


def looks_like_address(term: str) -> bool:
    """Whether `term` is meant as an address (an @-sign, or four digits and more) and not as a name."""
    return "@" in term or sum(character.isdigit() for character in term) >= 4
