"""An e-mail once more as its reader got it: rendered again, identically, from its version and its variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from communications.models import MessageData
from communications.providers.base import EmailTemplate, joined
from communications.rendering.problems import TemplateProblem
from communications.rendering.samples import reserved
from communications.sending.compose import outbound
from communications.tracking.links import TRACKING_URL, open_url, personal_variables
from communications.tracking.tokens import token_for

_NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


@dataclass(frozen=True, kw_only=True)
class SentMail:
    """One person's mail. `headers` are those that a reader's client shows or acts on; `size` in bytes, of the HTML."""

    subject: str
    html: str
    text: str
    headers: Mapping[str, str]
    attachments: tuple[str, ...]
    size: int


def mail_as_sent(message: MessageData) -> SentMail:
    """What `message`, an e-mail, says. Raises TemplateProblem, MissingVariables.

    Looking at it is no opening, and a click in it nobody's: the picture that counts openings is left out, and the
    reader's own links lead nowhere.
    """
    made = outbound(message)
    if made.template is None or made.slots is None:
        raise TemplateProblem("This message is no e-mail.")
    subject, html = joined(made.template.subject, made.slots.subject), joined(made.template.html, made.slots.html)
    return SentMail(
        subject=subject,
        html=html.replace(open_url(token_for(message.pk)), _NOTHING).replace(
            personal_variables(message.pk)[TRACKING_URL], reserved()[TRACKING_URL]
        ),
        text=joined(made.template.text, made.slots.text),
        headers=_headers(message, made.template, subject) | dict(made.slots.headers),
        attachments=tuple(each.name for each in made.template.attachments),
        size=len(html.encode()),
    )


def _headers(message: MessageData, template: EmailTemplate, subject: str) -> dict[str, str]:
    headers = {
        "From": _address(template.sender_name or settings.EMAIL_FROM_NAME, message.sender),
        "To": _address(message.recipient_name, message.recipient),
        "Subject": subject,
    }
    return headers | ({"Reply-To": template.reply_to} if template.reply_to else {})


def _address(name: str, address: str) -> str:
    return f"{name} <{address}>" if name else address
