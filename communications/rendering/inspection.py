"""What can be said of a template before it is ever rendered: what is wrong with it and where, and what it needs."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.template import BoundTemplate
from liquid.token import TOKEN_TAG, Token

from communications.rendering.bounds import BoundedEnvironment
from communications.rendering.dates import MOMENTS, NO_CLOCK
from communications.rendering.expressions import harden, inner_expressions
from communications.rendering.problems import TemplateProblem, problem_at

MAX_SOURCE = 500_000  # characters
_MAX_MARKUP = 2_000  # characters between {{ and }}
_MAX_BRACKETS = 20  # in one of them: a[b[c]] is read anew for every bracket
_MAX_PARSING = 80_000  # characters of all markup, with 30 more for each: parsing takes as long
_OPENING = re.compile(r"\{[{%]")
_VERBATIM = re.compile(r"\{%-?\s{0,99}(raw|doc)\s{0,99}-?%\}")
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_GAP = re.compile(r"\s{100}")
#: What the library says in its own terms, in an author's.
_SAID = (
    (re.compile(r"expected tag end(\w+), found .*", re.IGNORECASE), r"“\1” is opened here and never closed"),
    (re.compile(r"unexpected tag '(end\w+)'", re.IGNORECASE), r"“\1” closes nothing here"),
    (re.compile(r"unexpected tag '(\w+)'", re.IGNORECASE), r"There is no tag “\1” here"),
)
_LOOPS = (ForNode, TablerowNode)


def check_markup(source: str) -> None:
    """Refuse what the lexer would need more than linear time for: markup without end, too long, or full of blanks."""
    if len(source) > MAX_SOURCE:
        raise TemplateProblem(f"A template has at most {MAX_SOURCE} characters.")
    at, parsing = 0, 0
    while opening := _OPENING.search(source, at):
        start = opening.start()
        verbatim = _VERBATIM.match(source, start)
        at = _end_of_verbatim(source, verbatim) if verbatim else _end_of_markup(source, start, opening[0])
        parsing += 30 if verbatim else 30 + at - start
        if parsing > _MAX_PARSING:
            raise problem_at("There are too many variables and tags.", source, start)


def _end_of_verbatim(source: str, opening: re.Match[str]) -> int:
    closing = re.compile(rf"\{{%-?\s{{0,99}}end{opening[1]}\s{{0,99}}-?%\}}").search(source, opening.end())
    if closing is None:
        raise problem_at(f"“{opening[1]}” is opened here and never closed.", source, opening.start())
    return closing.end()


def _end_of_markup(source: str, start: int, opening: str) -> int:
    close = "}}" if opening == "{{" else "%}"
    end = source.find(close, start + 2, start + _MAX_MARKUP)
    if end < 0:
        found = source.find(close, start + 2) >= 0
        raise problem_at(
            f"“{opening}” is followed by too much text." if found else f"“{close}” is missing.", source, start
        )
    if _GAP.search(source, start, end):
        raise problem_at("There are too many blanks in here.", source, start)
    if source.count("[", start, end) > _MAX_BRACKETS:
        raise problem_at("There are too many brackets in here.", source, start)
    return end + 2


def parse(environment: BoundedEnvironment, source: str) -> BoundTemplate:
    """The parsed template, every expression bounded. Raises `TemplateProblem` at the place where it goes wrong."""
    stream = TokenStream(iter(()))
    try:
        stream = TokenStream(environment.tokenizer()(source))
        template = BoundTemplate(environment, get_parser(environment).parse(stream))
        for node in walk(template):
            for expression in inner_expressions(node):
                harden(expression)
    except RecursionError as error:
        raise problem_at("This is nested too deeply.", source, _place_in(environment, stream)) from error
    except LiquidError as error:
        raise problem_of(error, source, lambda: _place_in(environment, stream)) from error
    return template


def problem_of(error: LiquidError, source: str, fallback: Callable[[], int]) -> TemplateProblem:
    """The library's error in our words, at its own place or else at `fallback()`."""
    index = error.token.start_index if error.token and error.token.source == source else -1
    text = str(error.message or "this cannot be understood")
    for pattern, said in _SAID:
        text = pattern.sub(said, text)
    return problem_at(f"{text[:1].upper()}{text[1:]}.", source, index if index >= 0 else fallback())


def _place_in(environment: BoundedEnvironment, stream: TokenStream) -> int:
    """Where the parser stood; at the end of the text, the block that was left open."""
    if stream.pos < len(stream.tokens):
        return stream.tokens[stream.pos].start_index
    open_blocks: list[Token] = []
    for token in stream.tokens:
        if token.kind != TOKEN_TAG:
            continue
        tag = environment.tags.get(token.value)
        if tag and tag.block and tag.end:
            open_blocks.append(token)
        elif open_blocks and token.value == environment.tags[open_blocks[-1].value].end:
            open_blocks.pop()
    last = (open_blocks or stream.tokens)[-1:]
    return last[0].start_index if last else 0


def walk(template: BoundTemplate) -> Iterator[Node]:
    """Every node, parents first."""
    context = RenderContext(template)
    waiting = list(reversed(template.nodes))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(node.children(context))))


def check(template: BoundTemplate, source: str) -> None:
    """Refuse at save time what the library notices only while rendering: filters, their arguments, stray `break`s."""
    in_loops = {id(inner) for loop in _loops(template) for inner in walk(BoundTemplate(template.env, [loop.block]))}
    for node in walk(template):
        if isinstance(node, BreakNode | ContinueNode) and id(node) not in in_loops:
            raise problem_at(f"“{node.token.value}” belongs inside a loop.", source, node.token.start_index)
        for expression in inner_expressions(node):
            if isinstance(expression, FilteredExpression):
                _check_filters(expression, template.env, source)


def _check_filters(expression: FilteredExpression, environment: object, source: str) -> None:
    assert isinstance(environment, BoundedEnvironment)
    filters = expression.filters or []
    left = expression.left
    if filters and filters[0].name == "date" and isinstance(left, StringLiteral) and left.value in MOMENTS:
        raise problem_at(f"{NO_CLOCK[:1].upper()}{NO_CLOCK[1:]}.", source, left.token.start_index)
    for used in filters:
        if used.name not in environment.filters:
            raise problem_at(f"There is no filter “{used.name}”.", source, used.token.start_index)
        if complaint := _wrong_arguments(environment.filters[used.name], used):
            raise problem_at(f"Filter “{used.name}”: {complaint}.", source, used.token.start_index)


def _wrong_arguments(function: Callable[..., object], used: Filter) -> str:
    names = {argument.name: None for argument in used.args if isinstance(argument, KeywordArgument)}
    positional = [None for argument in used.args if not isinstance(argument, KeywordArgument)]
    given = {name for name in ("context", "environment") if getattr(function, f"with_{name}", False)}
    try:
        _signature(function).bind(None, *positional, **names, **dict.fromkeys(given - set(names)))
    except TypeError as error:
        return str(error)
    return ""


_signature = cache(inspect.signature)


def rounds_allowed(template: BoundTemplate, source: str) -> int:
    """How many rounds its loops may make: fewer where there is much to do in each, so that a render has one bound."""
    env = template.env
    assert isinstance(env, BoundedEnvironment)
    heaviest = max(
        (_weight(source[loop.token.start_index : loop.block.token.start_index]) for loop in _loops(template)), default=0
    )
    return min(env.loop_iteration_limit, env.loop_markup_limit // max(heaviest, 1))


def _weight(body: str) -> int:
    """Text is nearly free; markup costs by its length, for a variable can be read every other character."""
    return sum(1 + len(markup) // 5 for markup in _MARKUP.findall(body))


def _loops(template: BoundTemplate) -> list[ForNode | TablerowNode]:
    return [node for node in walk(template) if isinstance(node, _LOOPS)]


def variables_in_order(template: BoundTemplate) -> tuple[str, ...]:
    """The paths a template reads from outside, in the order in which they first appear."""
    found = [variable for uses in template.analyze().globals.values() for variable in uses]
    return tuple(dict.fromkeys(str(variable) for variable in sorted(found, key=lambda variable: variable.span.index)))


def names_assigned(template: BoundTemplate) -> frozenset[str]:
    """The names a template gives values to by itself."""
    return frozenset(str(name) for node in walk(template) for name in node.template_scope())


def certainly_required(template: BoundTemplate) -> frozenset[str]:
    """Paths without which every render is refused: printed or looped over always, with no `default` behind them.

    What stands in a condition or a loop may be needed too; only the values can tell, and the render decides.
    """
    return frozenset(_required(template.nodes, names_assigned(template)))


def _required(nodes: Iterable[Node], own: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, CaptureNode):
            yield from _required(node.block.nodes, own)
        elif isinstance(node, BlockNode):
            yield from _required(node.nodes, own)
        elif isinstance(node, OutputNode) and isinstance(node.expression, FilteredExpression):
            yield from _paths(_unprotected(node.expression), own)
        elif isinstance(node, _LOOPS):
            yield from _paths([node.expression.iterable], own)


def _unprotected(expression: FilteredExpression) -> list[object]:
    """The values that no `default` follows."""
    filters = expression.filters or []
    after = [index + 1 for index, used in enumerate(filters) if used.name == "default"]
    kept = filters[after[-1] :] if after else filters
    values: list[object] = [argument.value for used in kept for argument in used.args]
    return values if after else [expression.left, *values]


def _paths(values: Iterable[object], own: frozenset[str]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Path) and all(isinstance(part, str) for part in value.path) and value.path[0] not in own:
            yield str(value)


def is_plain_text(node: Node) -> bool:
    return isinstance(node, ContentNode)


def plain_name(node: Node, own: frozenset[str]) -> tuple[str, str | None]:
    """`name` and None of a bare `{{ name }}`, `name` and the text of `{{ name | default: "text" }}`, "" of anything else."""
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return "", None
    left, filters = node.expression.left, node.expression.filters or []
    if not isinstance(left, Path) or len(left.path) != 1 or left.path[0] in own:
        return "", None
    if not filters:
        return str(left.path[0]), None
    default = _default(filters[0]) if len(filters) == 1 else None
    return (str(left.path[0]), default) if default is not None else ("", None)


def _default(only: Filter) -> str | None:
    """The text that a `default` filter puts in a missing value's place."""
    if only.name != "default" or len(only.args) != 1:
        return None
    value = getattr(only.args[0], "value", None)
    return str(value.value) if isinstance(value, StringLiteral) else None


def written(node: Node) -> str:
    """The expression of `{{ … }}`, "" of anything else."""
    return str(node.expression) if isinstance(node, OutputNode) else ""
