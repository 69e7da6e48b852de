"""Liquid made safe for whoever may write a template: every render ends soon, stays small and invents no blank.

The library's own limits stop nested loops, but not many loops in a row, a chain of filters that multiplies a text, a
range that is made into a list, or a clock read in the middle of a message. The classes here do. They are the library's
extension points, save for the expression classes that it offers no other way to replace (`expressions`).
"""

from collections.abc import Mapping
from functools import partial
from io import StringIO
from typing import Any, TextIO

from liquid import Environment
from liquid.builtin.expressions import Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.context import RenderContext
from liquid.exceptions import (
    FilterArgumentError,
    LocalNamespaceLimitError,
    LoopIterationLimitError,
    OutputStreamLimitError,
    ResourceLimitError,
)
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate
from liquid.undefined import UNDEFINED, FalsyStrictUndefined
from liquid.utils import ReadOnlyChainMap

from communications.rendering.dates import date
from communications.rendering.expressions import MAX_ROUNDS
from communications.rendering.values import Absent, is_blank, size_of

_NOTHING = object()


class BoundedEnvironment(Environment):
    """No partials (there is nothing to load), no way round escaping, own dates, and the limits."""

    loop_iteration_limit = MAX_ROUNDS
    output_stream_limit = 1_000_000  # bytes, captured text included
    local_namespace_limit = 200_000  # characters kept in assigned names
    context_depth_limit = 20
    block_nesting_limit = 20

    loop_markup_limit = 200_000  # rounds times the weight of the heaviest loop body
    work_limit = 2_000_000  # characters that go through filters, in and out

    def __init__(self, *, html: bool) -> None:
        super().__init__(autoescape=html, undefined=FalsyStrictUndefined)
        for tag in ("include", "render"):
            del self.tags[tag]
        for name in ("safe", "escapejs"):
            del self.filters[name]
        self.add_tag(StrictOutput)
        self.add_tag(StrictEcho)
        self.add_filter("date", date)


class BoundedContext(RenderContext):
    """One render: its budget, and the names that were wanted and had no value."""

    __slots__ = ("kept", "missing", "rounds_left", "work_left", "written")

    env: BoundedEnvironment

    def __init__(self, template: BoundTemplate, *, globals: Mapping[str, object], rounds: int) -> None:
        super().__init__(template, globals=globals)
        # not the library's, which has `now` and `today`: a message is rendered again later and must come out the same
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.missing: dict[str, None] = {}
        self.kept: dict[str, int] = {}
        self.rounds_left = rounds
        self.work_left = self.env.work_limit
        self.written = 0

    def get(self, path: list[object], *, token: Any, default: object = UNDEFINED) -> object:
        value = super().get(path, token=token, default=_NOTHING)
        if value is _NOTHING and default is not UNDEFINED:
            return default
        if value is _NOTHING or self._is_empty(path, value):
            return Absent((".".join(map(str, path)),), self.missing)
        return value

    def _is_empty(self, path: list[object], value: object) -> bool:
        """Blank, or a property (`x.size`) of something blank. A name of the template's own may be left empty."""
        if path[0] in self.locals:
            return False
        return is_blank(value) or (len(path) > 1 and is_blank(self.scope.get(str(path[0]))))

    def assign(self, key: str, val: Any) -> None:
        size = size_of(val)
        self.charge(size)
        self.kept[key] = size + len(key)
        if sum(self.kept.values()) > self.env.local_namespace_limit or len(self.kept) > 500:
            raise LocalNamespaceLimitError("too much is assigned to names", token=None)
        self.locals[key] = val

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Called as a loop begins. The library multiplies nested loops; this counts every round of every loop."""
        self.rounds_left -= length
        if self.rounds_left < 0:
            raise LoopIterationLimitError("too many rounds of loops", token=None)

    def filter(self, name: str, token: Any) -> Any:
        found = super().filter(name, token)
        return found if name == "default" else partial(self._apply, name, found)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return CountedBuffer(self)

    def charge(self, work: int) -> None:
        self.work_left -= work
        if self.work_left < 0:
            raise ResourceLimitError("too much work for one message", token=None)

    def count_output(self, text: str) -> None:
        self.written += len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
        if self.written > self.env.output_stream_limit:
            raise OutputStreamLimitError("the message becomes too long", token=None)

    def _apply(self, name: str, function: Any, left: object, *args: object, **kwargs: object) -> object:
        """A filter of nothing gives nothing, so that `{{ name | upcase | default: "there" }}` works."""
        if absent := [value for value in (left, *args, *kwargs.values()) if isinstance(value, Absent)]:
            return Absent(tuple(name for value in absent for name in value.names), self.missing)
        self.charge(_price(name, left, args))
        return function(left, *args, **kwargs)


class CountedBuffer(StringIO):
    """Text being rendered; all buffers of one render, captured ones too, share its limit."""

    def __init__(self, context: BoundedContext) -> None:
        super().__init__()
        self.context = context

    def write(self, text: str) -> int:
        self.context.count_output(text)
        return super().write(text)


class StrictOutputNode(OutputNode):
    """`{{ … }}` that notes a variable without a value, where the library would print nothing."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, BoundedContext)
        value = self.expression.evaluate(context)
        if isinstance(value, Absent):
            value.note()
            return 0
        if value is None or isinstance(value, Mapping) or (isinstance(value, list | tuple) and not value):
            self._note_unprintable(context)
            return 0
        if not isinstance(value, str):
            context.charge(size_of(value))
        return buffer.write(to_liquid_string(value, context.autoescape))

    def _note_unprintable(self, context: BoundedContext) -> None:
        left = getattr(self.expression, "left", None)
        if isinstance(left, Path):
            context.missing.setdefault(str(left))


class StrictOutput(Output):
    node_class = StrictOutputNode


class StrictEcho(EchoTag):
    node_class = StrictOutputNode  # type: ignore[assignment]


def _price(name: str, left: object, args: tuple[object, ...]) -> int:
    """What a filter has to read and write. Some multiply: that must be known before they run."""
    price = size_of(left) + sum(map(size_of, args)) + 8
    if name.startswith("replace") and isinstance(left, str) and args:
        return price + left.count(str(args[0])) * sum(map(size_of, args[1:2]))
    if name == "join" and isinstance(left, list | tuple | range):
        return price + len(left) * sum(map(size_of, args))
    if name == "uniq" and isinstance(left, list | tuple):
        return price + len(left) ** 2 // 16
    if name == "strip_html" and price > 20_000:
        raise FilterArgumentError("strip_html: the text is too long", token=None)
    return price
