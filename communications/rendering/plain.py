"""What SMS and WhatsApp templates have in common: an object with a `message`, which is text with Liquid."""

from collections.abc import Mapping
from typing import Any

from communications.rendering.liquid import Compiled, compile_template
from communications.rendering.problems import TemplateProblem


def compile_message(template_schema: Mapping[str, Any]) -> Compiled:
    """The compiled `message`. Raises TemplateProblem naming the field and the place in it."""
    if not isinstance(template_schema, Mapping):
        raise TemplateProblem("This has to be an object with a message.", field="template_schema")
    message = template_schema.get("message")
    if not isinstance(message, str):
        raise TemplateProblem("The message has to be a text.", field="message")
    if not message.strip():
        raise TemplateProblem("The message cannot be empty.", field="message")
    try:
        return compile_template(message)
    except TemplateProblem as problem:
        raise problem.in_field("message") from problem
