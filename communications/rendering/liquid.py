"""Templates of all channels: Liquid compiled once into its static text and its slots, rendered for each person.

A slot is a top-level node that is not plain text; the slots of one person render in order in one context, so an
`assign` in one is seen by the next. `render` is nothing but static text and slots joined: previews, single sends and
batches cannot differ. A variable without a value and without a default never goes out as a blank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from liquid.ast import Node
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.template import BoundTemplate
from markupsafe import escape

from communications.rendering import inspection
from communications.rendering.bounds import BoundedContext, BoundedEnvironment
from communications.rendering.problems import MissingVariables, TemplateProblem, problem_at

__all__ = ["Compiled", "MissingVariables", "TemplateProblem", "compile_template"]

_TEXT = BoundedEnvironment(html=False)
_HTML = BoundedEnvironment(html=True)
# What filters and comparisons raise for values they were not made for (a huge number printed, a date out of range).
_FAULTS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slot:
    node: Node
    name: str  # of a bare {{ name }}, or one with a default text, which needs no interpreter
    default: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Compiled:
    """A template that is ready to render; immutable and shared between threads.

    `variables` are the paths it reads from outside (`firstName`, `order.total`), `variable_order` the same as they
    appear, `required` those without which every render is refused. `static` has one piece more than there are slots.
    """

    source: str
    html: bool
    static: tuple[str, ...]
    variable_order: tuple[str, ...]
    required: frozenset[str]
    _slots: tuple[_Slot, ...] = field(repr=False)
    _template: BoundTemplate = field(repr=False)
    _rounds: int = field(repr=False)

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(self.variable_order)

    def render(self, context: Mapping[str, Any]) -> str:
        """The text for one person. Raises as `slots` does."""
        return self.joined(self.slots(context))

    def joined(self, slots: Sequence[str]) -> str:
        """The static text with `slots` in it."""
        return "".join(chain.from_iterable(zip_longest(self.static, slots, fillvalue="")))

    @property
    def slots_written(self) -> list[tuple[str, int]]:
        """What stands between the braces of each slot, "" for a tag such as `if`, and its place in the source."""
        return [(inspection.written(slot.node), slot.node.token.start_index) for slot in self._slots]

    def slots(self, context: Mapping[str, Any]) -> list[str]:
        """The person's part: one text a slot.

        Raises `MissingVariables` naming every value that was wanted, `TemplateProblem` when the template
        cannot be rendered with these values or takes too much to render.
        """
        run = BoundedContext(self._template, globals=context, rounds=self._rounds)
        texts: list[str] = []
        try:
            for slot in self._slots:
                texts.append((slot.name and self._plain(slot, run)) or _rendered(slot.node, run))
        except (LiquidError, LiquidInterrupt, *_FAULTS) as error:
            raise self._problem(error, self._slots[len(texts)].node) from error
        if run.missing:
            raise MissingVariables(run.missing)
        return texts

    def _plain(self, slot: _Slot, run: BoundedContext) -> str:
        """A variable that holds text, or its default, without the interpreter; "" leaves it to the interpreter."""
        value = run.globals.get(slot.name, "")
        if type(value) is not str:
            return ""
        if not value or value.isspace():
            value = slot.default or ""
        text = str(escape(value)) if self.html else value
        run.count_output(text)
        return text

    def _problem(self, error: Exception, node: Node) -> TemplateProblem:
        place = node.token.start_index
        match error:
            case LiquidError():
                return inspection.problem_of(error, self.source, lambda: place)
            case LiquidInterrupt():
                return problem_at(f"“{error}” belongs inside a loop.", self.source, place)
            case RecursionError():
                return problem_at("This is nested too deeply.", self.source, place)
        return problem_at(f"This cannot be rendered with these values: {error}", self.source, place)


def _rendered(node: Node, run: BoundedContext) -> str:
    buffer = run.get_buffer()
    node.render(run, buffer)
    return buffer.getvalue()


@lru_cache(maxsize=256)
def compile_template(source: str, *, html: bool = False) -> Compiled:
    """Parse and check `source`; values are HTML-escaped with `html`. Raises `TemplateProblem` with line and column.

    Cached: the version of a template that is being sent is compiled once in a process.
    """
    inspection.check_markup(source)
    template = inspection.parse(_HTML if html else _TEXT, source)
    try:
        inspection.check(template, source)
        return _compiled(template, source, html)
    except RecursionError as error:
        raise TemplateProblem("The template is nested too deeply.") from error


def _compiled(template: BoundTemplate, source: str, html: bool) -> Compiled:
    own = inspection.names_assigned(template)
    static, slots = [""], []
    for node in template.nodes:
        if inspection.is_plain_text(node):
            static[-1] += str(node)
        else:
            name, default = inspection.plain_name(node, own)
            slots.append(_Slot(node=node, name=name, default=default))
            static.append("")
    return Compiled(
        source=source,
        html=html,
        static=tuple(static),
        variable_order=inspection.variables_in_order(template),
        required=inspection.certainly_required(template),
        _slots=tuple(slots),
        _template=template,
        _rounds=inspection.rounds_allowed(template, source),
    )
