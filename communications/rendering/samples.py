"""Stand-ins for values that nobody has given yet: for counting a template, and for looking at it."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from communications.rendering.liquid import Compiled
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.variables import SAMPLES
from communications.tracking.links import STATIC_URL, TRACKING_URL, UNSUBSCRIBE_URL, static_url


def reserved() -> Mapping[str, str]:
    """What every e-mail has of its own: here its links lead nowhere (RFC 2606), and our own pictures are shown."""
    nowhere = "https://preview.invalid/t"
    return {TRACKING_URL: nowhere, UNSUBSCRIBE_URL: f"{nowhere}/unsubscribe", STATIC_URL: static_url()}


_OF_A_LIST = ("size", "first", "last")  # Liquid finds these by itself
_NAMES_OF_ADDRESSES = ("url", "link", "href", "src")


class Specimen(Sequence[Any]):
    """What a variable might be. It prints as its sample or its own name, has every property, and is a list of two."""

    def __init__(self, name: str, *, is_address: bool = False) -> None:
        self.name = name
        self.is_address = is_address or name.lower().endswith(_NAMES_OF_ADDRESSES)

    def __str__(self) -> str:
        if known := reserved().get(self.name) or SAMPLES.get(self.name):
            return known
        return f"https://example.com/{self.name}" if self.is_address else self.name

    def __getitem__(self, key: Any) -> "Specimen":
        if key in _OF_A_LIST:
            raise KeyError(key)
        if not isinstance(key, int):
            return Specimen(str(key))
        if key not in range(-2, 2):
            raise IndexError(key)
        return Specimen(self.name)

    def __len__(self) -> int:
        return 2

    def __eq__(self, other: object) -> bool:
        return str(self) == other

    def __hash__(self) -> int:
        return hash(str(self))


def samples_of(variables: Iterable[str], *, addresses: Container[str] = ()) -> dict[str, Any]:
    """A specimen for each name that the paths `variables` begin with; those in `addresses` begin a link."""
    names = dict.fromkeys(map(root_of, variables))
    return {name: Specimen(name, is_address=name in addresses) for name in names}


def root_of(path: str) -> str:
    """`order` of `order.lines[0].name`."""
    return path.partition(".")[0].partition("[")[0]


def sample_text(compiled: Compiled) -> str:
    """`compiled` filled with samples. Where a number was wanted, which no sample is, only its static text."""
    try:
        return compiled.render(samples_of(compiled.variable_order))
    except (MissingVariables, TemplateProblem):
        return "".join(compiled.static)


def planted(values: Mapping[str, Any], path: str, *, addresses: Container[str] = ()) -> dict[str, Any]:
    """`values` with a specimen at `path`; where what they hold has no room for one, as they were."""
    name, _, rest = path.partition(".")
    held = values.get(name)
    if not rest or name not in values:
        return {**values, name: Specimen(name, is_address=name in addresses)}
    return {**values, name: planted(held, rest)} if isinstance(held, Mapping) else {**values}
