"""From rows to what a provider gets: an SMS as it was taken on, an e-mail as its version's static text and the person's slots.

An e-mail is rendered here for the first time for most people, so here a value may turn out to be missing: that row is
skipped, with the names, and the others leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from uuid import UUID

from communications.choices import DecisionKind, Reason
from communications.content import TEST, mail_of
from communications.providers.base import EmailSlots, EmailTemplate, OutboundMessage
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.sending.decide import Decision
from communications.sending.facts import channel_of
from communications.sending.log import Logged
from communications.tracking.links import list_unsubscribe_headers, personal_variables
from customers.choices import Channel, Purpose


@dataclass(frozen=True, kw_only=True)
class Composed:
    """`messages` by row; `refused` is why a row cannot be made into a message."""

    messages: dict[UUID, OutboundMessage] = field(default_factory=dict)
    refused: dict[UUID, Decision] = field(default_factory=dict)


def compose(rows: Sequence[Logged]) -> Composed:
    """What each row says, ready for its provider. One query for each template version this process has not seen yet."""
    made = Composed()
    for row in rows:
        try:
            made.messages[row.pk] = outbound(row)
        except MissingVariables as error:
            made.refused[row.pk] = _skip(Reason.MISSING_VARIABLE, f"No value for {', '.join(error.names)}.")
        except TemplateProblem as error:
            made.refused[row.pk] = _skip(Reason.TEMPLATE_ERROR, str(error))
    return made


def outbound(row: Logged) -> OutboundMessage:
    """What a provider needs of one row. Raises MissingVariables, TemplateProblem."""
    channel = channel_of(row)
    return _email(row) if channel is Channel.EMAIL else _text(row, channel)


def _text(row: Logged, channel: Channel) -> OutboundMessage:
    return OutboundMessage(
        reference=row.pk,
        channel=channel,
        recipient=row.recipient,
        recipient_name=row.recipient_name,
        sender=row.sender,
        text=row.content_data.get("finalMessage", ""),
        expires_at=row.expires_ts,
        created_at=row.created_ts,
    )


def _email(row: Logged) -> OutboundMessage:
    if row.schema_version_id is None:
        raise TemplateProblem("This e-mail has no template.")
    mail = mail_of(row.schema_version_id)
    parts = mail.renderer.parts({**row.content_data.get("variables", {}), **personal_variables(row.pk)})
    return OutboundMessage(
        reference=row.pk,
        channel=Channel.EMAIL,
        recipient=row.recipient,
        recipient_name=row.recipient_name,
        sender=row.sender,
        template=_marked(mail.template) if row.metadata.get(TEST) else mail.template,
        slots=EmailSlots(subject=parts.subject, html=parts.html, text=parts.text, headers=_headers(row)),
        expires_at=row.expires_ts,
        created_at=row.created_ts,
    )


@lru_cache(maxsize=8)
def _marked(template: EmailTemplate) -> EmailTemplate:
    """For those who try it out."""
    return replace(template, subject=(f"[Test] {template.subject[0]}", *template.subject[1:]))


def _headers(row: Logged) -> dict[str, str]:
    """Its own Message-ID, so that an answer finds it whoever sends it, and for marketing the way out."""
    message_id = {"Message-ID": f"<{row.pk}@{row.sender.rpartition('@')[2]}>"}
    return message_id | (list_unsubscribe_headers(row.pk) if row.purpose == Purpose.MARKETING else {})


def _skip(reason: Reason, detail: str) -> Decision:
    return Decision(kind=DecisionKind.SKIP, reason=reason, detail=detail[:1_000])
