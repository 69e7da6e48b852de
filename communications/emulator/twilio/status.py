"""Status callbacks: which are due for a message, and the signed form of each."""

import time
import uuid
from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl, urldefrag, urlencode

from communications.emulator.callbacks import Callback
from communications.emulator.config import Settings
from communications.emulator.store import Message, Step
from communications.emulator.twilio.resource import VERSION
from communications.emulator.twilio.signing import FORGER_TOKEN, signature
from communications.emulator.webhooks import Outgoing, RetryPolicy

# The words of Twilio's connection overrides; `all` is every one of them.
RETRY_WORDS = frozenset({"ct", "rt", "4xx", "5xx"})


def chain(settings: Settings, message: Message) -> list[Callback]:
    """The callbacks of a message in order; none when nobody asked."""
    if not message.status_callback:
        return []
    return [_callback(settings, message, index, step) for index, step in enumerate(message.steps)]


def _callback(settings: Settings, message: Message, index: int, step: Step) -> Callback:
    return Callback(
        provider="twilio",
        sid=message.sid,
        event=step.status,
        due=step.at,
        render=partial(_render, settings, message, step),
        told=partial(_told, message, index + 1),
    )


def _told(message: Message, reached: int) -> bool:
    """A canceled message has nothing more to tell."""
    if message.canceled is not None:
        return False
    message.reached = max(message.reached, reached)
    return True


def _render(settings: Settings, message: Message, step: Step, forged: bool) -> Outgoing:
    token = FORGER_TOKEN if forged else settings.auth_token
    return signed(message.status_callback or "", _form(settings, message, step), token)


def _form(settings: Settings, message: Message, step: Step) -> dict[str, str]:
    form = {
        "AccountSid": settings.account_sid,
        "ApiVersion": VERSION,
        "From": message.sender,
        "MessageSid": message.sid,
        "MessageStatus": step.status,
        "SmsSid": message.sid,
        "SmsStatus": step.status,
        "To": message.to,
    }
    if message.service:
        form["MessagingServiceSid"] = message.service
    if step.status in ("failed", "undelivered") and message.error:
        form["ErrorCode"] = str(message.error)
    if step.status in ("delivered", "undelivered") and message.channel == "sms":
        form["RawDlrDoneDate"] = time.strftime("%y%m%d%H%M", time.gmtime())
    if message.channel == "whatsapp":
        form |= {"ChannelPrefix": "whatsapp", "ChannelToAddress": message.to}
    return form


def signed(url: str, form: Mapping[str, str], token: str) -> Outgoing:
    """A form posted the way Twilio does it; the fragment of `url` holds connection overrides and is not sent."""
    target, fragment = urldefrag(url)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "X-Twilio-Signature": signature(token, target, form),
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
    }
    return Outgoing(url=target, body=urlencode(form).encode(), headers=headers, policy=overrides(fragment))


def overrides(fragment: str) -> RetryPolicy:
    """`#rc=5&rp=all&tt=15000`: rc retries (0-5), rp what is retried, ct, rt, tt milliseconds. Nonsense is ignored."""
    given = dict(parse_qsl(fragment))
    asked = frozenset(given.get("rp", "ct").split(","))
    return RetryPolicy(
        retries=_between(given.get("rc"), 1, 0, 5),
        on=RETRY_WORDS if "all" in asked else asked & RETRY_WORDS,
        connect=_between(given.get("ct"), 5000, 100, 10000) / 1000,
        read=_between(given.get("rt"), 15000, 100, 15000) / 1000,
        total=_between(given.get("tt"), 15000, 100, 15000) / 1000,
    )


def _between(given: str | None, default: int, low: int, high: int) -> int:
    if given is None or not given.isdecimal():
        return default
    return max(low, min(high, int(given)))
