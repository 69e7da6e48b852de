"""What no database and no mail can hold: NUL, halves of characters, numbers that are none."""

import math
import re
from typing import Any

from communications.rendering.problems import TemplateProblem, problem_at

UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_MAX_DEPTH = 100


def check_writable(value: Any, field: str = "") -> None:
    """Raises TemplateProblem with the field (`data.id`) and the place in its text; a template's own begin its fields."""
    waiting = [(field, value, 0)]
    while waiting:
        place, each, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise TemplateProblem("This is nested too deeply.", field=field or "template_schema")
        if isinstance(each, dict):
            waiting += [(place, str(key), depth) for key in each]
            waiting += [(f"{place}.{key}".lstrip("."), inner, depth + 1) for key, inner in each.items()]
        elif isinstance(each, list):
            waiting += [(f"{place}[{index}]", inner, depth + 1) for index, inner in enumerate(each)]
        elif isinstance(each, str) and (letter := UNWRITABLE.search(each)):
            said = "There is a character here that cannot be written."
            raise problem_at(said, each, letter.start()).in_field(place)
        elif isinstance(each, float) and not math.isfinite(each):
            raise TemplateProblem("This is not a number.", field=place)
