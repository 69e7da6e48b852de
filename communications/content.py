"""What a message says, final: text, segments and cost, as they stand on its row."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import phonenumbers
from django.conf import settings

from communications.exceptions import SendRefused
from communications.models import MessageSchemaVersion
from communications.rendering.liquid import compile_template
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.sms import MAX_CHARACTERS, cost, measure


@dataclass(frozen=True, kw_only=True)
class Content:
    """`data` is source 000's `content_data` of an SMS: variables, finalMessage, characterCount, segmentCount, encoding."""

    data: Mapping[str, Any]
    segments: int

    def columns(self, recipient: str) -> dict[str, Any]:
        """The row's content columns, with the expected cost by the rate table."""
        price = expected_cost(self.segments, recipient)
        return {
            "content_data": {**self.data, "cost": str(price)},
            "segment_count": self.segments,
            "cost": price,
            "cost_currency": settings.SMS_CURRENCY,
        }


def render_sms(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> Content:
    """The SMS of `version` for one person. Raises SendRefused naming every variable that has no value."""
    try:
        text = compile_template(version.template_schema["message"]).render(variables)
    except MissingVariables as error:
        names = ", ".join(error.names)
        raise SendRefused("missing_variable", f"These variables have no value: {names}.", attr="variables") from error
    except TemplateProblem as error:
        raise SendRefused("template_error", str(error), attr="message_schema") from error
    used = {name: value for name, value in variables.items() if name in set(version.variables)}
    return text_content(text, variables=used)


def text_content(text: str, *, variables: Mapping[str, Any] | None = None) -> Content:
    """Plain text as content. Raises SendRefused when it is empty or longer than a channel takes."""
    if not text.strip():
        raise SendRefused("empty", "The message is empty.", attr="text")
    measured = measure(text)
    if measured.characters > MAX_CHARACTERS:
        raise SendRefused("too_long", f"A message has at most {MAX_CHARACTERS} characters.", attr="text")
    data = {
        "variables": dict(variables or {}),
        "finalMessage": text,
        "characterCount": measured.characters,
        "segmentCount": measured.segments,
        "encoding": measured.encoding,
    }
    return Content(data=data, segments=measured.segments)


def expected_cost(segments: int, recipient: str) -> Decimal:
    """By the rate table; the provider's price takes its place when it is known."""
    country = phonenumbers.region_code_for_number(phonenumbers.parse(recipient)) if recipient.startswith("+") else None
    return cost(segments, country or "default", settings.SMS_RATES)
