"""Push notifications (source 000): texts and data with Liquid, checked as they are saved."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from communications.rendering.liquid import Compiled, compile_template
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.tokens import LIQUID

MAX_ACTIONS = 3  # Android shows no more
MAX_PAYLOAD = 4_096  # bytes, at Apple and at Google alike
_TEXTS = ("title", "body", "icon", "image", "sound", "clickAction")
_NEEDED = ("title", "body")
_ADDRESSES = ("icon", "image")
_KEYS = (*_TEXTS, "badge", "data", "actions", "variables")
_ACTION_KEYS = ("action", "title", "icon")


@dataclass(frozen=True, kw_only=True)
class PushTexts:
    """A push template ready to render: the content as authored, and what is Liquid in it by its field."""

    content: Mapping[str, Any]
    texts: Mapping[str, Compiled]

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for text in self.texts.values() for name in text.variable_order))

    def render(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The content for one person. Raises MissingVariables naming all that any text wants, TemplateProblem."""
        missing: dict[str, None] = {}
        made: dict[str, str] = {}
        for field, text in self.texts.items():
            try:
                made[field] = text.render(values)
            except MissingVariables as error:
                missing.update(dict.fromkeys(error.names))
            except TemplateProblem as problem:
                raise problem.in_field(field) from problem
        if missing:
            raise MissingVariables(missing)
        return {name: _placed(value, name, made) for name, value in self.content.items() if name != "variables"}


def compile_push(template_schema: Mapping[str, Any]) -> dict[str, Any]:
    """`template_schema` with its `variables` made anew. Raises TemplateProblem naming the field (`actions[1].title`)."""
    texts = push_texts(template_schema)
    written = {name: value for name, value in template_schema.items() if name != "variables"}
    if len(json.dumps(written, ensure_ascii=False).encode()) > MAX_PAYLOAD:
        raise TemplateProblem(f"A notification has at most {MAX_PAYLOAD:,} bytes in all.", field="template_schema")
    return {**written, "variables": list(texts.variables)}


def push_texts(template_schema: Mapping[str, Any]) -> PushTexts:
    """The template, checked. Raises TemplateProblem naming the field."""
    if not isinstance(template_schema, Mapping):
        raise TemplateProblem("A push template is an object with a title and a body.", field="template_schema")
    _check_keys(template_schema, _KEYS, "")
    _check_badge(template_schema.get("badge", 0))
    texts = {field: _compiled(field, value) for field, value in _texts(template_schema)}
    return PushTexts(content=template_schema, texts=texts)


def _placed(value: Any, field: str, made: Mapping[str, str]) -> Any:
    """`value` with each text in it as it was rendered."""
    if isinstance(value, Mapping):
        return {key: _placed(inner, f"{field}.{key}", made) for key, inner in value.items()}
    if isinstance(value, list):
        return [_placed(inner, f"{field}[{index}]", made) for index, inner in enumerate(value)]
    return made.get(field, value)


def _texts(schema: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Every text with its field, in the order in which they are shown."""
    for name in _TEXTS:
        if name in schema or name in _NEEDED:
            yield name, schema.get(name)
    data = schema.get("data", {})
    if not isinstance(data, Mapping):
        raise TemplateProblem("This has to be an object of texts.", field="data")
    yield from ((f"data.{key}", value) for key, value in data.items())
    yield from _texts_of_actions(schema.get("actions", []))


def _texts_of_actions(actions: object) -> Iterator[tuple[str, object]]:
    if not isinstance(actions, list) or len(actions) > MAX_ACTIONS:
        raise TemplateProblem(f"This has to be a list of at most {MAX_ACTIONS} buttons.", field="actions")
    for index, action in enumerate(actions):
        field = f"actions[{index}]"
        if not isinstance(action, Mapping):
            raise TemplateProblem("A button is an object with an action and a title.", field=field)
        _check_keys(action, _ACTION_KEYS, f"{field}.")
        yield from ((f"{field}.{key}", action.get(key)) for key in ("action", "title"))
        if "icon" in action:
            yield f"{field}.icon", action["icon"]


def _compiled(field: str, value: object) -> Compiled:
    if not isinstance(value, str) or (not value.strip() and not field.startswith("data.")):
        raise TemplateProblem("This has to be a text.", field=field)
    if field.rpartition(".")[2] in _ADDRESSES and not field.startswith("data."):
        _check_address(field, value)
    try:
        return compile_template(value)
    except TemplateProblem as problem:
        raise problem.in_field(field) from problem


def _check_address(field: str, value: str) -> None:
    if not (value.lower().startswith("https://") or LIQUID.match(value)):
        raise TemplateProblem("The address of an image begins with https:// or a variable.", field=field)


def _check_badge(badge: object) -> None:
    if not isinstance(badge, int) or isinstance(badge, bool) or badge < 0:
        raise TemplateProblem("This has to be a number, 0 or more.", field="badge")


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in value:
        if key not in known:
            raise TemplateProblem(f"This is not known here. Known: {', '.join(known)}.", field=f"{place}{key}")
