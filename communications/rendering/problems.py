"""What can be wrong with a template, and with the values for it."""

from collections.abc import Iterable


class TemplateProblem(ValueError):
    """A template that cannot be used. `line` and `column` count from 1; `field` is the JSON field, else ""."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.field = field

    @property
    def place(self) -> str:
        """`line 2, column 7`, or "" where the field as a whole is meant."""
        return f"line {self.line}, column {self.column}" if (self.line, self.column) != (1, 1) else ""

    def in_field(self, field: str) -> "TemplateProblem":
        """The same problem, told of a field of a larger template."""
        return TemplateProblem(self.message, line=self.line, column=self.column, field=field)


class MissingVariables(ValueError):
    """Values that a template needs and did not get: all of them, in the order in which they were wanted."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"No value for: {', '.join(self.names)}.")


def problem_at(message: str, source: str, index: int) -> TemplateProblem:
    """A problem at the `index`th character of `source`."""
    before = source[: max(index, 0)]
    return TemplateProblem(message, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
