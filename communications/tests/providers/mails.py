"""Mails that the tests of providers send, and what a person would read of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from communications.providers.base import EmailSlots, EmailTemplate, OutboundMessage
from communications.providers.mail import Mail

SENDER = "hello@huronhome.example"


def template(**values: Any) -> EmailTemplate:
    parts = {
        "subject": ("Your visit, ", ""),
        "html": ("<p>Hello ", ",</p>\n<p>we come on ", ".</p>"),
        "text": ("Hello ", ",\nwe come on ", ".\n"),
    }
    return EmailTemplate(**{"version_id": uuid4(), **parts, **values})


def slots(name: str = "John", day: str = "Monday", **values: Any) -> EmailSlots:
    return EmailSlots(**{"subject": [name], "html": [name, day], "text": [name, day], **values})


def mail(template: EmailTemplate, slots: EmailSlots, **values: Any) -> OutboundMessage:
    facts = {"reference": uuid7(), "channel": "email", "recipient": "john@example.com", "sender": SENDER}
    return OutboundMessage(**{**facts, "template": template, "slots": slots, **values})


def mails(template: EmailTemplate, everybody: Iterable[EmailSlots]) -> list[OutboundMessage]:
    return [mail(template, own, recipient=f"p{n}@example.com") for n, own in enumerate(everybody)]


def read(call: Mapping[str, Any], person: Mapping[str, Any]) -> Mail:
    """What SendGrid makes of a call for one of its persons."""
    contents = {part["type"]: part["value"] for part in call["content"]}
    parts = [call["subject"], contents.get("text/html", ""), contents.get("text/plain", "")]
    subject, html, text = substituted(parts, person.get("substitutions", {}))
    return Mail(subject=subject, html=html, text=text)


def substituted(parts: Sequence[str], substitutions: Mapping[str, str]) -> list[str]:
    """One tag after the other, in what the ones before have made."""
    made = list(parts)
    for tag, value in substitutions.items():
        made = [part.replace(tag, value) for part in made]
    return made
