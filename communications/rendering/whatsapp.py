"""WhatsApp: free text within 24 hours of the customer's last word, outside them only what WhatsApp has approved.

An approved text stands at the provider under its id; what travels is the id and the parameters, in order. Ours has to be
the approved one word for word, so nothing in it may vary but its variables, and each `{{ … }}` is one parameter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from communications.rendering.liquid import Compiled
from communications.rendering.plain import compile_message
from communications.rendering.problems import TemplateProblem, problem_at
from communications.rendering.samples import sample_text

MAX_TEXT = 4096
MAX_APPROVED = 1024  # with its parameters in it
MAX_PARAMETERS = 100  # Twilio's

_ID = re.compile(r"[A-Za-z0-9_]{1,100}")  # a Content SID of Twilio, or the template's name at WhatsApp
_DERIVED = ("characterCount", "variables", "parameters", "approvedText")


@dataclass(frozen=True, kw_only=True)
class WhatsAppMessage:
    """`text` is what the person reads; `parameters` what travels with the id of an approved text, () without one."""

    text: str
    parameters: tuple[str, ...] = ()


def compile_whatsapp(template_schema: Mapping[str, Any], *, template_id: str = "") -> dict[str, Any]:
    """`template_schema` with what follows from its message made anew. Raises TemplateProblem naming the field.

    That is `characterCount` (with samples), `variables`, and with an id `parameters` (each as it is written here) and
    `approvedText` (`Hello {{1}}`: what has to stand at the provider).
    """
    compiled = compile_message(template_schema)
    kept = {key: value for key, value in template_schema.items() if key not in _DERIVED}
    made = {**kept, "characterCount": len(sample_text(compiled)), "variables": list(compiled.variable_order)}
    if template_id:
        _check_approved(compiled, template_id)
        made |= {"parameters": [slot for slot, _ in compiled.slots_written], "approvedText": approved_text(compiled)}
    if made["characterCount"] > limit(template_id):
        raise TemplateProblem(_too_long(template_id), field="message")
    return made


def render_whatsapp(compiled: Compiled, context: Mapping[str, Any], *, template_id: str = "") -> WhatsAppMessage:
    """The message for one person. Raises MissingVariables, or TemplateProblem when a value does not fit.

    WhatsApp refuses line breaks, tabs and long blanks in a parameter: each run of them becomes one blank.
    """
    slots = compiled.slots(context)
    if template_id:
        slots = [" ".join(slot.split()) for slot in slots]
        _check_parameters(compiled, slots)
    text = compiled.joined(slots)
    if len(text) > limit(template_id):
        raise TemplateProblem(_too_long(template_id), field="message")
    return WhatsAppMessage(text=text, parameters=tuple(slots) if template_id else ())


def approved_text(compiled: Compiled) -> str:
    """The text as WhatsApp keeps it, its parameters numbered."""
    return compiled.joined([f"{{{{{number}}}}}" for number in range(1, len(compiled.static))])


def limit(template_id: str) -> int:
    return MAX_APPROVED if template_id else MAX_TEXT


def _too_long(template_id: str) -> str:
    kind = "An approved WhatsApp text with its parameters" if template_id else "A WhatsApp text"
    return f"{kind} has at most {limit(template_id):,} characters."


def _check_approved(compiled: Compiled, template_id: str) -> None:
    """What WhatsApp does not approve: conditions, and a variable at the beginning, the end or beside another."""
    if not _ID.fullmatch(template_id):
        raise TemplateProblem("This has to be an id of letters, digits and “_”.", field="whatsapp_template_id")
    for index, (written, place) in enumerate(compiled.slots_written):
        if said := _refused(compiled, index, written):
            raise problem_at(said, compiled.source, place).in_field("message")


def _refused(compiled: Compiled, index: int, written: str) -> str:
    before, after = compiled.static[index], compiled.static[index + 1]
    if not written:
        return "An approved text can hold variables only: a condition or a loop would change its words."
    if index >= MAX_PARAMETERS:
        return f"An approved text has at most {MAX_PARAMETERS} variables."
    if not before.strip():
        return "An approved text cannot begin with a variable." if index == 0 else "Two variables need words between."
    if index == len(compiled.static) - 2 and not after.strip():
        return "An approved text cannot end with a variable: put a word or a full stop behind it."
    return ""


def _check_parameters(compiled: Compiled, slots: list[str]) -> None:
    for (written, place), slot in zip(compiled.slots_written, slots, strict=True):
        if not slot:
            said = f"A parameter cannot be empty; “{written}” is."
            raise problem_at(said, compiled.source, place).in_field("message")
