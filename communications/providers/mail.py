"""What e-mail providers have in common: one person's mail as whole texts, lines that stay one line, files from storage."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.core.files.storage import default_storage

from communications.providers.base import Attachment, EmailSlots, EmailTemplate, Outcome, joined

MOST_BYTES = 29_000_000  # of a mail with its attachments; providers take 30 MB or less

_BREAKS = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")
_LISTS = str.maketrans(";,", "  ")  # a name with one of these reads as several addresses


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """What one person reads."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    name: str
    content_type: str
    content: bytes = field(repr=False)


class AttachmentAway(Exception):
    """A file of a version cannot be read. The outcome: rejected when it is not there or too large, else to be retried."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


def whole(template: EmailTemplate, slots: EmailSlots) -> Mail:
    """Static pieces and slots of each part in turn."""
    return Mail(
        subject=one_line(joined(template.subject, slots.subject)),
        html=joined(template.html, slots.html),
        text=joined(template.text, slots.text),
    )


def one_line(text: str) -> str:
    """Without a line break or another control character, each a space now: nothing can begin a header of its own."""
    return text if text.isprintable() else text.translate(_BREAKS)


def plain_name(name: str) -> str:
    return " ".join(one_line(name).translate(_LISTS).split())


def storable(value: object, most: int) -> str:
    """A provider's word as the database can hold it: no NUL, no half of a pair, not too long; empty unless it is a text."""
    if not isinstance(value, str):
        return ""
    return value[:most].replace("\x00", "").encode("utf-8", "replace").decode()


def read_files(templates: Iterable[EmailTemplate]) -> Mapping[EmailTemplate, list[File] | AttachmentAway]:
    """The attachments of each template, each read once; in their place what prevents it."""
    found: dict[EmailTemplate, list[File] | AttachmentAway] = {}
    for template in templates:
        if template not in found:
            found[template] = _files(template)
    return found


def _files(template: EmailTemplate) -> list[File] | AttachmentAway:
    files: list[File] = []
    try:
        for attachment in template.attachments:
            files.append(_file(attachment))
            if sum(len(file.content) for file in files) > MOST_BYTES:
                raise AttachmentAway(Outcome.REJECTED, "The attachments are too large for a mail.")
    except AttachmentAway as away:
        return away
    return files


def _file(attachment: Attachment) -> File:
    try:
        with default_storage.open(attachment.key) as stored:
            content = stored.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise AttachmentAway(Outcome.REJECTED, f"The attachment {attachment.name!r} is not in storage.") from error
    except Exception as error:  # each storage fails in its own words, and all of them pass
        raise AttachmentAway(Outcome.RETRY, f"Storage: {type(error).__name__}") from error
    return File(name=attachment.name, content_type=attachment.content_type, content=content)
