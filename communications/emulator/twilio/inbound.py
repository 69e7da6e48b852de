"""Somebody writes to us: the webhook as Twilio posts it, the STOP list, and what is answered to the phone."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from communications.emulator.runtime import Runtime
from communications.emulator.store import Message
from communications.emulator.twilio import journal, numbers, segments, twiml
from communications.emulator.twilio.compose import new_sid
from communications.emulator.twilio.resource import VERSION
from communications.emulator.twilio.signing import FORGER_TOKEN
from communications.emulator.twilio.status import signed
from communications.emulator.webhooks import Reply

# Twilio's own answers on the phone. HELP is left to the application.
CARRIER_REPLIES = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """What a person writes; addresses with their channel's prefix. `message_sid` repeats an earlier webhook."""

    sender: str
    to: str
    body: str
    media: tuple[tuple[str, str], ...] = ()  # (URL, content type)
    name: str = ""
    message_sid: str | None = None
    bad_signature: bool = False
    opt_out_type: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """The message, what the webhook said, what the phone was answered."""

    message: Message
    reply: Reply
    answers: tuple[Message, ...]
    error: str | None = None


async def write(runtime: Runtime, writing: Writing) -> Heard:
    """One inbound message from the phone to the webhook and back. OSError: the ledger could not be written."""
    message = _message(writing)
    keyword = runtime.opt_outs.kind(writing.body) if message.channel == "sms" else None
    kept = keyword if runtime.opt_outs.enabled else None
    await runtime.ledger.commit("inbound", journal.facts(message, keyword=kept))
    if message.sid not in runtime.store.messages:
        runtime.store.add(message)
    journal.mark(runtime, line=message.to, phone=message.sender, kind=kept)
    answers = await _carrier(runtime, message, kept)
    reply = await _post(runtime, message, writing, keyword)
    _note_answer(runtime, message, reply)
    try:
        answers += [await _speak(runtime, message, text, "twiml") for text in twiml.texts(reply)]
    except twiml.TwimlError as error:
        return Heard(message=message, reply=reply, answers=tuple(answers), error=f"12100 {error}")
    return Heard(message=message, reply=reply, answers=tuple(answers))


def _message(writing: Writing) -> Message:
    kind = "MM" if writing.media else "SM"
    return Message(
        sid=writing.message_sid or new_sid(kind),
        provider="twilio",
        direction="inbound",
        sender=writing.sender,
        to=writing.to,
        body=writing.body,
        media=tuple(url for url, _ in writing.media),
        segments=segments.count(writing.body),
        created=time.time(),
        initial="received",
        origin="phone",
    )


async def _post(runtime: Runtime, message: Message, writing: Writing, keyword: str | None) -> Reply:
    token = FORGER_TOKEN if writing.bad_signature else runtime.settings.auth_token
    opt_out = writing.opt_out_type or (keyword if runtime.opt_outs.advanced else None)
    form = _form(runtime.settings.account_sid, message, writing)
    if opt_out:
        form["OptOutType"] = opt_out
    return await runtime.webhooks.post(signed(writing.url or runtime.settings.inbound_url, form, token))


def _form(account: str, message: Message, writing: Writing) -> dict[str, str]:
    form = {
        "AccountSid": account,
        "ApiVersion": VERSION,
        "Body": message.body,
        "From": message.sender,
        "MessageSid": message.sid,
        "NumMedia": str(len(writing.media)),
        "NumSegments": str(message.segments),
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "To": message.to,
    }
    for index, (url, content_type) in enumerate(writing.media):
        form |= {f"MediaUrl{index}": url, f"MediaContentType{index}": content_type}
    return form | (_whatsapp(message, writing) if message.channel == "whatsapp" else _places(message))


def _whatsapp(message: Message, writing: Writing) -> dict[str, str]:
    digits = numbers.split(message.sender)[1].removeprefix("+")
    profile = writing.name or digits
    metadata = {"type": "whatsapp", "data": {"context": {"ProfileName": profile, "WaId": digits}}}
    return {
        "MessageType": "image" if writing.media else "text",
        "ProfileName": profile,
        "WaId": digits,
        "ChannelMetadata": json.dumps(metadata, separators=(",", ":")),
    }


def _places(message: Message) -> dict[str, str]:
    """Twilio knows city and state of landline blocks only; for mobiles they come empty, as here."""
    form: dict[str, str] = {}
    for side, address in (("From", message.sender), ("To", message.to)):
        form |= {f"{side}City": "", f"{side}State": "", f"{side}Zip": ""}
        form[f"{side}Country"] = numbers.country(address)
    return form


def _note_answer(runtime: Runtime, message: Message, reply: Reply) -> None:
    facts: Mapping[str, Any] = {
        "provider": "twilio",
        "sid": message.sid,
        "from": message.sender,
        "to": message.to,
        "answer": reply.status,
        "attempts": reply.attempts,
        "error": reply.error,
    }
    runtime.ledger.note("answered", facts)


async def _carrier(runtime: Runtime, message: Message, keyword: str | None) -> list[Message]:
    if not runtime.opt_outs.replies or keyword not in CARRIER_REPLIES:
        return []
    return [await _speak(runtime, message, CARRIER_REPLIES[keyword], "carrier")]


async def _speak(runtime: Runtime, heard: Message, text: str, origin: str) -> Message:
    """A message back to the phone that no API call asked for."""
    answer = Message(
        sid=new_sid("SM"),
        provider="twilio",
        direction="outbound-reply",
        sender=heard.to,
        to=heard.sender,
        body=text,
        segments=segments.count(text),
        created=time.time(),
        initial="delivered",
        origin=origin,
    )
    await runtime.ledger.commit(origin, journal.facts(answer))
    runtime.store.add(answer)
    return answer
