"""Three expressions of Liquid that need other manners: ranges that stay short, and comparing with nothing."""

from collections.abc import Iterator
from typing import Any

from liquid.ast import Node
from liquid.builtin.expressions.logical import EqExpression, NeExpression
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.context import RenderContext
from liquid.exceptions import LoopIterationLimitError
from liquid.expression import Expression

from communications.rendering.values import Absent, means_nothing

MAX_ROUNDS = 10_000  # of all loops of a render together, so no range needs to be longer


class BoundedRange(RangeLiteral):
    """`(1..n)`, refused as it is made: `reversed`, `offset` and filters walk a range before any loop begins."""

    __slots__ = ()

    def _make_range(self, start: Any, stop: Any) -> range:
        made = super()._make_range(start, stop)
        if made.stop - made.start > MAX_ROUNDS:
            raise LoopIterationLimitError("the range is too long", token=self.token)
        return made

    def check(self) -> None:
        """Refuse a range too long already when its ends are written out."""
        if isinstance(self.start, IntegerLiteral) and isinstance(self.stop, IntegerLiteral):
            self._make_range(self.start.value, self.stop.value)


class EqualOrBlank(EqExpression):
    """`==` for which a variable without a value equals nil, "", blank and empty alike, as authors expect."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        left, right = self.left.evaluate(context), self.right.evaluate(context)
        if isinstance(left, Absent) or isinstance(right, Absent):
            return all(map(means_nothing, (left, right)))
        return super().evaluate(context)


class DifferentOrBlank(NeExpression):
    """The reverse of `EqualOrBlank`."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        left, right = self.left.evaluate(context), self.right.evaluate(context)
        if isinstance(left, Absent) or isinstance(right, Absent):
            return not all(map(means_nothing, (left, right)))
        return super().evaluate(context)


_HARDENED: dict[type[Expression], type[Expression]] = {
    RangeLiteral: BoundedRange,
    EqExpression: EqualOrBlank,
    NeExpression: DifferentOrBlank,
}


def harden(expression: Expression) -> None:
    """Give a parsed expression its bounded class; the parser names its classes outright, so only afterwards."""
    if hardened := _HARDENED.get(type(expression)):
        expression.__class__ = hardened
    if isinstance(expression, BoundedRange):
        expression.check()


def inner_expressions(node: Node) -> Iterator[Expression]:
    """Every expression of a node, those inside others too."""
    waiting = list(node.expressions())
    while waiting:
        expression = waiting.pop()
        yield expression
        waiting.extend(expression.children())
