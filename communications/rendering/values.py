"""Values as templates see them: what counts as having one, what stands for one that is missing, how large one is."""

from collections.abc import Iterator, Mapping
from typing import Any

from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.undefined import Undefined


class Absent(Undefined):
    """A variable that is missing, None or blank: false in conditions, replaced by `default`, noted when used.

    Noting instead of raising lets one render name everything that is missing.
    """

    __slots__ = ("missing", "names")
    force_liquid_default = True  # the library's `default` filter asks for it

    def __init__(self, names: tuple[str, ...], missing: dict[str, None]) -> None:
        super().__init__(names[0])
        self.names = names
        self.missing = missing

    def note(self) -> None:
        self.missing.update(dict.fromkeys(self.names))

    def __bool__(self) -> bool:
        return False

    def __getitem__(self, key: object) -> "Absent":
        return self

    def __str__(self) -> str:
        self.note()
        return ""

    def __int__(self) -> int:
        self.note()
        return 0

    def __len__(self) -> int:
        self.note()
        return 0

    def __iter__(self) -> Iterator[Any]:
        self.note()
        return iter(())


def is_blank(value: object) -> bool:
    """None, "" and white space are no value; 0, False and an empty list are."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def size_of(value: object) -> int:
    """About as many characters as `value` would print."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(size_of(key) + size_of(inner) for key, inner in value.items()) if type(value) is dict else 8
    if isinstance(value, list | tuple):
        return sum(8 + size_of(inner) for inner in value)
    if isinstance(value, range):
        return 8 * len(value)
    return value.bit_length() // 3 if isinstance(value, int) else 8


def means_nothing(value: object) -> bool:
    """True of all that authors compare with to ask whether there is a value."""
    return isinstance(value, Absent | Empty | Blank) or is_blank(value)
