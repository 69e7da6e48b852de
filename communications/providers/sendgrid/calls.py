"""A batch as calls of the Mail Send API: the static part once, each person's slots as substitutions. Pure.

A tag stands between two static pieces wherever a slot was. It holds random letters that no text of the call contains,
so it is found where we put it and nowhere else, and what a person's slot says is never read as a tag.
"""

import base64
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from communications.providers.base import EmailSlots, EmailTemplate, OutboundMessage, Outcome, joined
from communications.providers.mail import (
    MOST_BYTES,
    AttachmentAway,
    File,
    Mail,
    one_line,
    plain_name,
    whole,
)

MOST_TAGS = 100
MOST_SUBSTITUTION_BYTES = 8_000  # 10,000 by its documentation, refused from here on

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TRACKING = {  # ours, through our own domain
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}
_Files = Mapping[EmailTemplate, list[File] | AttachmentAway]


class Person(NamedTuple):
    """One message on the wire: its personalization as JSON."""

    reference: UUID
    address: str
    body: bytes


class Refused(NamedTuple):
    """A message that no call is made for."""

    reference: UUID
    outcome: Outcome
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request: what all share, in pieces of JSON, and its persons."""

    shared: Sequence[bytes] = field(repr=False)
    people: Sequence[Person]

    @property
    def size(self) -> int:
        return sum(map(len, self.shared)) + sum(len(person.body) + 1 for person in self.people)

    def body(self) -> bytes:
        return b"".join([b'{"personalizations":[', b",".join(person.body for person in self.people), *self.shared])

    def halves(self) -> "tuple[Call, Call]":
        middle = len(self.people) // 2
        return (
            Call(shared=self.shared, people=self.people[:middle]),
            Call(shared=self.shared, people=self.people[middle:]),
        )


class _Row(NamedTuple):
    message: OutboundMessage
    slots: EmailSlots


def plan(batch: Sequence[OutboundMessage], files: _Files, *, most: int) -> Iterator[Call | Refused]:
    """The calls for a batch, of at most `most` persons; each message is in one of them or refused."""
    groups: dict[tuple[EmailTemplate, str], list[_Row]] = defaultdict(list)
    for message in batch:
        if message.template and message.slots and _is_whole(message.template, message.slots):
            groups[message.template, message.sender].append(_Row(message, message.slots))
        else:
            yield Refused(
                message.reference, Outcome.REJECTED, "no_template", "It has no template, or slots of another."
            )
    for (template, sender), rows in groups.items():
        yield from _fitting(_calls(template, sender, rows, files[template], most))


def _is_whole(template: EmailTemplate, slots: EmailSlots) -> bool:
    parts = ((template.subject, slots.subject), (template.html, slots.html), (template.text, slots.text))
    return all(len(own) == _slots_of(static) for static, own in parts)


def _slots_of(static: Sequence[str]) -> int:
    return max(len(static) - 1, 0)


def _calls(
    template: EmailTemplate, sender: str, rows: Sequence[_Row], files: list[File] | AttachmentAway, most: int
) -> Iterator[Call | Refused]:
    if isinstance(files, AttachmentAway):
        yield from (Refused(row.message.reference, files.outcome, "attachment", str(files)) for row in rows)
        return
    frame = _Frame(template, sender, files)
    together, alone = _together(template, rows)
    if together:
        shared = frame.around(together.content)
        for people in _parted(together.people, most, MOST_BYTES - sum(map(len, shared))):
            yield Call(shared=shared, people=people)
    for row in alone:
        yield Call(
            shared=frame.around(whole(template, row.slots)), people=[_person(row, _bytes(_encode(_addressed(row))))]
        )


class _Frame:
    """What stands in every call of one template and sender around the content."""

    def __init__(self, template: EmailTemplate, sender: str, files: Sequence[File]) -> None:
        name = plain_name(template.sender_name or settings.EMAIL_FROM_NAME)
        head: dict[str, Any] = {"from": {"email": sender, **({"name": name} if name else {})}}
        if template.reply_to:
            head["reply_to"] = {"email": template.reply_to}
        head["tracking_settings"] = _TRACKING
        self._head = b"]," + _bytes(_encode(head))[1:-1]
        self._files = b',"attachments":' + _bytes(_encode([_attached(file) for file in files])) if files else b""

    def around(self, content: Mail) -> list[bytes]:
        """The end of a call's JSON. The files are the same bytes in every call."""
        kinds = (("text/plain", content.text), ("text/html", content.html))
        texts = [{"type": kind, "value": text} for kind, text in kinds if text]
        own = b',"subject":%b,"content":%b' % (_bytes(_encode(content.subject)), _bytes(_encode(texts)))
        return [self._head, own, self._files, b"}"]


class _Together(NamedTuple):
    content: Mail
    people: list[Person]


def _together(template: EmailTemplate, rows: Sequence[_Row]) -> tuple[_Together | None, list[_Row]]:
    """Those who share calls, and the rows that must go alone: too long for substitutions, or with too many of them."""
    if len(rows) == 1:
        return None, list(rows)
    kinds = "s" * _slots_of(template.subject) + "h" * _slots_of(template.html) + "t" * _slots_of(template.text)
    values = [[*map(one_line, row.slots.subject), *row.slots.html, *row.slots.text] for row in rows]
    tags = _tags(kinds, chain(template.subject, template.html, template.text), values)
    if len(set(tags)) > MOST_TAGS:
        return None, list(rows)
    people, alone = [], []
    for row, own in zip(rows, values, strict=True):
        substitutions = _bytes(_encode(dict(zip(tags, own, strict=True))))
        if len(substitutions) > MOST_SUBSTITUTION_BYTES:
            alone.append(row)
        else:
            head = _bytes(_encode(_addressed(row)))
            people.append(_person(row, b'%b,"substitutions":%b}' % (head[:-1], substitutions)))
    return _Together(_tagged(template, kinds, tags), people), alone


def _tags(kinds: str, static: Iterable[str], values: Sequence[Sequence[str]]) -> list[str]:
    """A tag for each slot. Slots of a part that say the same for every person share one."""
    mark = _mark(static, values)
    known: dict[tuple[str, tuple[str, ...]], str] = {}
    columns = zip(kinds, zip(*values, strict=True), strict=True)
    return [known.setdefault(column, f"-{column[0]}{mark}{n}-") for n, column in enumerate(columns)]


def _mark(static: Iterable[str], values: Sequence[Sequence[str]]) -> str:
    texts = [*static, *chain.from_iterable(values)]
    while True:
        mark = secrets.token_hex(6)
        if not any(mark in text for text in texts):
            return mark


def _tagged(template: EmailTemplate, kinds: str, tags: Sequence[str]) -> Mail:
    html, text = kinds.count("s"), len(kinds) - kinds.count("t")
    return Mail(
        subject=one_line(joined(template.subject, tags[:html])),
        html=joined(template.html, tags[html:text]),
        text=joined(template.text, tags[text:]),
    )


def _person(row: _Row, body: bytes) -> Person:
    return Person(row.message.reference, row.message.recipient.lower(), body)


def _addressed(row: _Row) -> dict[str, Any]:
    message, headers = row.message, row.slots.headers
    name = plain_name(message.recipient_name) if message.recipient_name else ""
    to = {"email": message.recipient, "name": name} if name else {"email": message.recipient}
    person: dict[str, Any] = {"to": [to], "custom_args": {"m": str(message.reference)}}
    if headers:
        person["headers"] = {key: one_line(value) for key, value in headers.items()}
    return person


def _parted(people: Iterable[Person], most: int, room: int) -> Iterator[list[Person]]:
    """Persons call by call: at most `most`, within `room` bytes, and no address twice."""
    rounds: dict[int, list[Person]] = defaultdict(list)
    met: Counter[str] = Counter()
    for person in people:
        rounds[met[person.address]].append(person)
        met[person.address] += 1
    for members in rounds.values():
        part, left = list[Person](), room
        for person in members:
            size = len(person.body) + 1
            if part and (len(part) == most or size > left):
                yield part
                part, left = [], room
            part.append(person)
            left -= size
        yield part


def _fitting(calls: Iterable[Call | Refused]) -> Iterator[Call | Refused]:
    """Too large even alone: refused here, for the provider would only refuse it after thirty megabytes."""
    for call in calls:
        if isinstance(call, Refused) or call.size <= MOST_BYTES:
            yield call
        else:
            detail = f"The mail has {call.size:,} bytes."
            yield from (Refused(person.reference, Outcome.REJECTED, "too_large", detail) for person in call.people)


def _attached(file: File) -> dict[str, str]:
    content = base64.b64encode(file.content).decode()
    return {"content": content, "filename": one_line(file.name), "type": one_line(file.content_type)}


def _bytes(text: str) -> bytes:
    """As UTF-8; half of a surrogate pair, which no mail can hold, becomes a question mark."""
    return text.encode("utf-8", "replace")
