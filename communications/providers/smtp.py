"""SMTP: any mail server, one connection for a batch, in a thread of its own.

What it really does: a server answers for each mail by itself, so one bad address harms nobody else. Until the final dot
it has taken nothing; when the connection breaks after the dot nobody knows. It tells nothing later: a mail that was
taken stays `sent`, and bounces come as mail to the sender.
"""

import asyncio
import re
import smtplib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import TracebackType
from typing import NamedTuple

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.http import HttpRequest
from django.utils import timezone

from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.providers.base import (
    Capabilities,
    DeliveryReceipt,
    EmailSlots,
    EmailTemplate,
    OutboundMessage,
    Outcome,
    SendResult,
    StoredRequest,
)
from communications.providers.http import NotSent, check_time
from communications.providers.mail import AttachmentAway, File, one_line, plain_name, read_files, storable, whole
from customers.choices import Channel
from interactions.actions.facts import InboundMessage

_AT_ONCE = 50  # mails on one connection: one after the other, so that a batch of them stays within a lease
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=900)  # a folded link in a header would be no link any more
_LINE_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_Files = Mapping[EmailTemplate, list[File] | AttachmentAway]


class NotTaken(Exception):
    """What became of a mail that the server did not confirm."""

    def __init__(self, outcome: Outcome, code: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.code = code


class Written(NamedTuple):
    """A mail as it goes over the wire."""

    message_id: str
    content: bytes


class Smtp:
    name = "smtp"
    capabilities = Capabilities(channels=frozenset({Channel.EMAIL}), calls_of=_AT_ONCE)

    async def send(self, batch: Sequence[OutboundMessage]) -> list[SendResult]:
        return await asyncio.to_thread(_send_all, batch)

    async def lookup(self, messages: Sequence[OutboundMessage]) -> list[DeliveryReceipt]:
        return []

    def verify(self, request: HttpRequest, url: str) -> None:
        raise WebhookRejected("A mail server posts no webhooks.")

    def parse_inbound(self, stored: StoredRequest) -> Iterator[InboundMessage]:
        raise UnreadableDelivery("A mail server posts no webhooks.")

    def parse_events(self, stored: StoredRequest) -> Iterator[DeliveryReceipt]:
        raise UnreadableDelivery("A mail server posts no webhooks.")


def _send_all(batch: Sequence[OutboundMessage]) -> list[SendResult]:
    files = read_files(message.template for message in batch if message.template)
    with Line() as line:
        return [_send_one(line, message, files) for message in batch]


def _send_one(line: "Line", message: OutboundMessage, files: _Files) -> SendResult:
    try:
        mail = compose(message, files)
        line.deliver(mail.content, sender=message.sender, recipient=message.recipient)
    except NotTaken as failure:
        return SendResult(
            reference=message.reference,
            outcome=failure.outcome,
            error_code=failure.code,
            detail=storable(str(failure), 500),
        )
    return SendResult(
        reference=message.reference,
        outcome=Outcome.ACCEPTED,
        provider_message_id=mail.message_id,
    )


class Line:
    """A connection to the mail server, opened at the first mail and again after it broke."""

    def __init__(self) -> None:
        self._backend = EmailBackend(
            host=settings.SMTP_HOST,
            port=settings.SMTP_PORT,
            username=settings.SMTP_USER,
            password=settings.SMTP_PASSWORD,
            use_tls=settings.SMTP_TLS == "starttls",
            use_ssl=settings.SMTP_TLS == "implicit",
            timeout=settings.PROVIDER_TIMEOUT_SECONDS,
        )
        self._down: NotTaken | None = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._backend.close()

    def deliver(self, content: bytes, *, sender: str, recipient: str) -> None:
        """Returns when the server has taken the mail. Raises NotTaken."""
        server = self._server()
        try:
            self._wants(server, server.mail(sender), 250)
            self._wants(server, server.rcpt(recipient), 250, 251)
            check_time()
            self._wants(server, server.docmd("DATA"), 354)
        except NotSent as error:
            self._hang_up()
            raise NotTaken(Outcome.RETRY, "not_sent", str(error)) from error
        except OSError as error:
            self._hang_up()
            raise NotTaken(Outcome.RETRY, "not_sent", _say(error)) from error
        self._wants(server, self._final_answer(server, content), 250, otherwise=Outcome.UNCERTAIN)

    def _server(self) -> smtplib.SMTP:
        """Raises NotTaken for the rest of the batch when nobody can be reached or lets us in."""
        if self._down:
            raise self._down
        try:
            self._backend.open()
            server = self._backend.connection
            assert server is not None
            server.ehlo_or_helo_if_needed()
        except OSError as error:  # every error of smtplib is one, and so is one of the network or of TLS
            self._down = NotTaken(Outcome.DOWN, _code(error), _say(error))
            raise self._down from error
        return server

    def _final_answer(self, server: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
        try:
            server.send(_LINE_BEGINS_WITH_DOT.sub(b"..", content).removesuffix(b"\r\n") + b"\r\n.\r\n")
            return server.getreply()
        except OSError as error:
            self._hang_up()
            raise NotTaken(Outcome.UNCERTAIN, "no_answer", _say(error)) from error

    def _wants(
        self, server: smtplib.SMTP, reply: tuple[int, bytes], *codes: int, otherwise: Outcome = Outcome.RETRY
    ) -> None:
        """Raises NotTaken unless the reply has one of these codes; the connection is clean afterwards.

        `otherwise`: what a code says that is no refusal either.
        """
        code, text = reply
        if code in codes:
            return
        try:
            if code == 421 or server.rset()[0] != 250:
                self._hang_up()
        except OSError:
            self._hang_up()
        raise NotTaken(_outcome(code) or otherwise, str(code), f"{code} {text.decode('utf-8', 'replace')}")

    def _hang_up(self) -> None:
        """The next mail begins a connection of its own."""
        connection, self._backend.connection = self._backend.connection, None
        if connection:
            connection.close()


def compose(message: OutboundMessage, files: _Files) -> Written:
    """HTML beside text. Raises NotTaken when it cannot be a mail."""
    if message.template is None or message.slots is None:
        raise NotTaken(Outcome.REJECTED, "no_template", "It has no template.")
    attached = files[message.template]
    if isinstance(attached, AttachmentAway):
        raise NotTaken(attached.outcome, "attachment", str(attached))
    try:
        mail = _composed(message, message.template, message.slots, attached)
        return Written(storable(str(mail["Message-ID"]).strip("<>"), 255), mail.as_bytes())
    except (MessageError, ValueError, LookupError) as error:
        raise NotTaken(Outcome.REJECTED, "bad_mail", f"It cannot be written as a mail: {error}") from error


def _composed(
    message: OutboundMessage, template: EmailTemplate, slots: EmailSlots, files: Sequence[File]
) -> EmailMessage:
    content = whole(template, slots)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(template.sender_name or settings.EMAIL_FROM_NAME, message.sender)
    mail["To"] = _address(message.recipient_name, message.recipient)
    mail["Subject"] = content.subject
    mail["Date"] = format_datetime(timezone.now())
    if template.reply_to:
        mail["Reply-To"] = _address("", template.reply_to)
    own = {name: one_line(value) for name, value in slots.headers.items()}
    named = {name.lower() for name in own}
    if "message-id" not in named:
        mail["Message-ID"] = f"<{message.reference}@{message.sender.rpartition('@')[2]}>"
    for name, value in own.items():
        mail[name] = value
    _fill(mail, content.text, content.html)
    for file in files:
        kind, _, subkind = one_line(file.content_type).partition("/")
        mail.add_attachment(
            file.content, maintype=kind, subtype=subkind or "octet-stream", filename=one_line(file.name)
        )
    return mail


def _fill(mail: EmailMessage, text: str, html: str) -> None:
    if text or not html:
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
    else:
        mail.set_content(html, subtype="html")


def _address(name: str, address: str) -> Address:
    """Raises ValueError: letters beyond ASCII before the @ need an extension that few servers have."""
    address.encode("ascii")
    return Address(display_name=plain_name(name), addr_spec=address)


def _outcome(code: int) -> Outcome | None:
    match code:
        case 530 | 534 | 535 | 538:
            return Outcome.DOWN  # it does not let us in
        case _ if 400 <= code < 500:
            return Outcome.RETRY
        case _ if 500 <= code < 600:
            return Outcome.REJECTED
    return None


def _code(error: OSError) -> str:
    return str(getattr(error, "smtp_code", "")) or "not_sent"


def _say(error: OSError) -> str:
    return f"{type(error).__name__}: {error}"
