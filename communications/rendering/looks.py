"""What a message of each method looks like when it arrives, with whatever should give its author pause."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from communications.content import expected_cost
from communications.rendering.email import CompiledEmail, render_email
from communications.rendering.liquid import Compiled, compile_template
from communications.rendering.push import MAX_PAYLOAD, PushTexts
from communications.rendering.sms import SmsMeasure, cost, measure
from communications.rendering.whatsapp import WhatsAppMessage, approved_text, limit, render_whatsapp

CLIPPED_ABOVE = 102 * 1024  # bytes of HTML: Gmail shows the rest behind a link, and counts no opening
MANY_SEGMENTS = 3
PROVIDER_TEXT = 1_600  # characters of a free WhatsApp text that Twilio takes
_WORDLESS_IMAGE = re.compile(
    r'<img\b(?![^>]*\balt="[^"])(?![^>]*\bwidth="1")[^>]*>'
)  # a picture of one dot counts openings

#: About what a lock screen shows before it cuts: neither system promises a number.
LOCK_SCREENS = {"iPhone": (50, 178), "Android": (65, 240)}


@dataclass(frozen=True, kw_only=True)
class EmailShown:
    subject: str
    preview_text: str
    html: str
    text: str
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.html.encode())


@dataclass(frozen=True, kw_only=True)
class Offender:
    """The first character that is not in the alphabet of GSM, with its place."""

    character: str
    name: str
    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class SmsShown:
    text: str
    measure: SmsMeasure
    cost: Decimal
    currency: str
    offender: Offender | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LockScreen:
    """`title` and `body` as far as they are shown."""

    system: str
    title: str
    body: str
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class PushShown:
    content: Mapping[str, Any]
    screens: tuple[LockScreen, ...]
    size: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WhatsAppShown:
    """`parameters` pairs each expression with what it gives; `approved_text` is "" for a free text."""

    message: WhatsAppMessage
    limit: int
    template_id: str = ""
    approved_text: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


Shown = EmailShown | SmsShown | PushShown | WhatsAppShown


class EmailLook:
    def __init__(self, compiled: CompiledEmail, *, preview_text: str) -> None:
        self.compiled = compiled
        self.preview_text = compile_template(preview_text)
        self.variables = tuple(compiled.variables)
        self.addresses = _addresses(compile_template(compiled.html, html=True))

    def show(self, values: Mapping[str, Any]) -> EmailShown:
        email = render_email(self.compiled, values)
        return EmailShown(
            subject=email.subject,
            preview_text=" ".join(self.preview_text.render(values).split()),
            html=email.html,
            text=email.text,
            warnings=tuple(_email_warnings(email.subject, email.html)),
        )


def _addresses(page: Compiled) -> frozenset[str]:
    """The variables that begin a link or an image's address."""
    opened = (before.endswith(('href="', 'src="')) for before in page.static)
    return frozenset(
        slot.partition(" ")[0] for is_open, (slot, _) in zip(opened, page.slots_written, strict=False) if is_open
    )


def _email_warnings(subject: str, html: str) -> list[str]:
    said = []
    size = len(html.encode())
    if size > CLIPPED_ABOVE:
        said.append(f"The page has {size / 1024:.0f} KB: Gmail cuts a mail off at 102 KB.")
    if not subject:
        said.append("It has no subject.")
    if _WORDLESS_IMAGE.search(html):
        said.append("An image has no text in its place (alt) for those who see no images.")
    return said


class SmsLook:
    addresses: frozenset[str] = frozenset()

    def __init__(self, compiled: Compiled, *, phone: str) -> None:
        self.compiled = compiled
        self.phone = phone
        self.variables = compiled.variable_order

    def show(self, values: Mapping[str, Any]) -> SmsShown:
        text = self.compiled.render(values)
        measured = measure(text)
        said = f"It takes {measured.segments} segments: each is paid for."
        return SmsShown(
            text=text,
            measure=measured,
            cost=self._cost(measured.segments),
            currency=settings.SMS_CURRENCY,
            offender=_offender(text, measured.offending),
            warnings=(said,) if measured.segments >= MANY_SEGMENTS else (),
        )

    def _cost(self, segments: int) -> Decimal:
        """To the customer's number, else at home."""
        if self.phone:
            return expected_cost(segments, self.phone)
        return cost(segments, settings.PHONE_REGION, settings.SMS_RATES)


def _offender(text: str, character: str | None) -> Offender | None:
    if character is None:
        return None
    before = text[: text.index(character)]
    return Offender(
        character=character,
        name=unicodedata.name(character, f"U+{ord(character):04X}").capitalize(),
        line=before.count("\n") + 1,
        column=len(before) - before.rfind("\n"),
    )


class PushLook:
    addresses: frozenset[str] = frozenset()

    def __init__(self, texts: PushTexts) -> None:
        self.texts = texts
        self.variables = texts.variables

    def show(self, values: Mapping[str, Any]) -> PushShown:
        content = self.texts.render(values)
        size = len(json.dumps(content, ensure_ascii=False).encode())
        screens = tuple(_lock_screen(system, content) for system in LOCK_SCREENS)
        said = [f"{screen.system} cuts it off on the lock screen." for screen in screens if screen.is_cut]
        if size > MAX_PAYLOAD:
            said.append(f"It has {size:,} bytes: Apple and Google take at most {MAX_PAYLOAD:,}.")
        return PushShown(content=content, screens=screens, size=size, warnings=tuple(said))


def _lock_screen(system: str, content: Mapping[str, Any]) -> LockScreen:
    most_title, most_body = LOCK_SCREENS[system]
    title, body = _cut(content["title"], most_title), _cut(content["body"], most_body)
    return LockScreen(
        system=system, title=title, body=body, is_cut=(title, body) != (content["title"], content["body"])
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


class WhatsAppLook:
    addresses: frozenset[str] = frozenset()

    def __init__(self, compiled: Compiled, *, template_id: str) -> None:
        self.compiled = compiled
        self.template_id = template_id
        self.variables = compiled.variable_order

    def show(self, values: Mapping[str, Any]) -> WhatsAppShown:
        message = render_whatsapp(self.compiled, values, template_id=self.template_id)
        written = [slot for slot, _ in self.compiled.slots_written]
        long = len(message.text) > PROVIDER_TEXT
        return WhatsAppShown(
            message=message,
            limit=limit(self.template_id),
            template_id=self.template_id,
            approved_text=approved_text(self.compiled) if self.template_id else "",
            parameters=tuple(zip(written, message.parameters, strict=False)),
            warnings=(f"Twilio takes at most {PROVIDER_TEXT:,} characters.",) if long else (),
        )


Look = EmailLook | SmsLook | PushLook | WhatsAppLook
