"""What a message says, final: text, segments and cost, as they stand on its row."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import phonenumbers
from django.conf import settings

from communications.choices import DeliveryMethod
from communications.exceptions import SendRefused
from communications.models import MessageSchemaVersion
from communications.providers.base import Attachment, EmailTemplate, joined
from communications.rendering.email import CompiledEmail, EmailRenderer
from communications.rendering.liquid import compile_template
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.sms import MAX_CHARACTERS, cost, measure
from communications.tracking.links import personal_variables

TEST = "is_test"  # in the metadata of a message that only tries a template out
_NOBODY = UUID(int=0)  # whose links nobody follows: the row has no part in whether a mail can be rendered


@dataclass(frozen=True, kw_only=True)
class Content:
    """`data` is source 000's `content_data`: variables and, for an SMS, finalMessage, characterCount, segmentCount, encoding;
    for an e-mail its subject and attachments. An e-mail's page is rendered again from version and variables.
    """

    data: Mapping[str, Any]
    segments: int | None = None

    def columns(self, recipient: str) -> dict[str, Any]:
        """The row's content columns, with the expected cost by the rate table where segments are paid for."""
        if self.segments is None:
            return {"content_data": dict(self.data)}
        price = expected_cost(self.segments, recipient)
        return {
            "content_data": {**self.data, "cost": str(price)},
            "segment_count": self.segments,
            "cost": price,
            "cost_currency": settings.SMS_CURRENCY,
        }


@dataclass(frozen=True, kw_only=True)
class Mail:
    """An e-mail version, ready to be filled: what fills its slots, and what its provider needs of it."""

    renderer: EmailRenderer
    template: EmailTemplate


@lru_cache(maxsize=64)
def mail_of(version_id: UUID) -> Mail:
    """A version never changes, so a process reads and compiles it once."""
    version = MessageSchemaVersion.objects.get(pk=version_id)
    renderer = EmailRenderer(CompiledEmail(**version.compiled))
    template = EmailTemplate(
        version_id=version_id,
        subject=renderer.subject.static,
        html=renderer.html.static,
        text=renderer.text.static,
        sender_name=version.from_name,
        reply_to=version.reply_to_email,
        attachments=tuple(_attachment(each) for each in version.attachments),
    )
    return Mail(renderer=renderer, template=template)


def render_content(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> Content:
    """What `version` says to one person. Raises SendRefused naming every variable that has no value."""
    try:
        return content_for(version, variables)
    except MissingVariables as error:
        names = ", ".join(error.names)
        raise SendRefused("missing_variable", f"These variables have no value: {names}.", attr="variables") from error
    except TemplateProblem as error:
        raise SendRefused("template_error", str(error), attr="message_schema") from error


def content_for(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> Content:
    """The same. Raises MissingVariables, TemplateProblem; SendRefused for a text that no channel takes."""
    is_email = version.message_schema.message_delivery_method == DeliveryMethod.EMAIL
    return _email(version, variables) if is_email else _text(version, variables)


def _text(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> Content:
    text = compile_template(version.template_schema["message"]).render(variables)
    return text_content(text, variables=_used(version, variables))


def _email(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> Content:
    mail = mail_of(version.pk)
    parts = mail.renderer.parts({**variables, **personal_variables(_NOBODY)})
    data = {
        "variables": _used(version, variables),
        "subject": joined(mail.template.subject, parts.subject),
        "attachments": [attachment.key for attachment in mail.template.attachments],
    }
    return Content(data=data)


def _used(version: MessageSchemaVersion, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the template reads, and no more: `order.total` keeps the whole order."""
    names = {path.partition(".")[0] for path in version.variables}
    return {name: value for name, value in variables.items() if name in names}


def _attachment(value: Any) -> Attachment:
    """A storage key, or an object with `key` and what it is to be called."""
    if isinstance(value, str):
        return Attachment(key=value, name=value.rpartition("/")[2])
    return Attachment(
        key=value["key"],
        name=value.get("name") or value["key"].rpartition("/")[2],
        content_type=value.get("content_type") or "application/octet-stream",
    )


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
