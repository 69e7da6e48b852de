"""A form becomes a message, or one of Twilio's refusals. Pure but for the identifiers it makes."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

from communications.emulator.runtime import Runtime
from communications.emulator.store import Message, Step
from communications.emulator.twilio import numbers, segments
from communications.emulator.twilio.errors import ApiError

BODY_LIMIT = 1600
VALIDITY_LIMIT = 36000
REFERENCE = re.compile(r"\?(?:[^#]*&)?m=([^&#]+)")
SERVICE_SID = re.compile(r"MG[0-9a-f]{32}")

Form = Mapping[str, Sequence[str]]


def new_sid(kind: str) -> str:
    return kind + os.urandom(16).hex()


def one(form: Form, name: str) -> str:
    values = form.get(name)
    return values[0] if values else ""


def compose(form: Form, *, runtime: Runtime, at: float) -> Message:
    """`at` is the moment of acceptance, epoch seconds. Raises ApiError."""
    to, line = _addresses(form, runtime.settings.sender)
    body, media = _content(form)
    if runtime.opt_outs.enabled and (line, to) in runtime.store.opted_out:
        raise ApiError(21610)
    _validity(form)
    service = one(form, "MessagingServiceSid") or None
    callback = _callback_url(form)
    start = _start(form, service, at)
    states, error = numbers.outcome(to)
    return Message(
        sid=new_sid("MM" if media else "SM"),
        provider="twilio",
        direction="outbound-api",
        sender=line,
        to=to,
        body=body,
        media=tuple(media),
        segments=segments.count(body),
        created=at,
        initial="scheduled" if start > at else "accepted" if service else "queued",
        steps=_steps(states, runtime.callbacks.settings.delays_ms, start),
        error=error,
        service=service,
        reference=reference(callback),
        status_callback=callback if runtime.callbacks.settings.enabled else None,
    )


def reference(url: str | None) -> str | None:
    """Rapport's own message id, which travels in the callback URL as `m`."""
    found = REFERENCE.search(url or "")
    return unquote_plus(found[1]) if found else None


def _addresses(form: Form, pool: str) -> tuple[str, str]:
    if not one(form, "To"):
        raise ApiError(21604)
    to = numbers.recipient(one(form, "To"))
    prefix = numbers.split(to)[0]
    if one(form, "From"):
        line = numbers.sender(one(form, "From"))
    elif SERVICE_SID.fullmatch(one(form, "MessagingServiceSid")):
        line = prefix + pool
    else:
        raise ApiError(21603)
    if numbers.split(line)[0] != prefix:
        raise ApiError(21910)
    return to, line


def _content(form: Form) -> tuple[str, list[str]]:
    body, media = one(form, "Body"), [url for url in form.get("MediaUrl", ()) if url]
    if one(form, "ContentSid"):
        body = body or _template(one(form, "ContentSid"), one(form, "ContentVariables"))
    if not body and not media:
        raise ApiError(21602)
    if len(body) > BODY_LIMIT:
        raise ApiError(21617)
    return body, media


def _template(sid: str, variables: str) -> str:
    """Approved templates live at Twilio; here their id and values stand for the text."""
    try:
        values = json.loads(variables or "{}")
    except ValueError as error:
        raise ApiError(20001) from error
    return " ".join([f"[{sid}]", *(str(values[key]) for key in sorted(values))])


def _validity(form: Form) -> None:
    given = one(form, "ValidityPeriod")
    if given and not (given.isascii() and given.isdigit() and 1 <= int(given) <= VALIDITY_LIMIT):
        raise ApiError(21624)


def _callback_url(form: Form) -> str | None:
    url = one(form, "StatusCallback")
    if not url:
        return None
    if not _is_address(url.partition("?")[0]):
        raise ApiError(21609, url)
    return url


@lru_cache(maxsize=1024)
def _is_address(url: str) -> bool:
    """Every message has a URL of its own, but they differ in the query alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _start(form: Form, service: str | None, at: float) -> float:
    """When it begins to leave: now, or SendAt for a scheduled message (which needs a messaging service)."""
    if one(form, "ScheduleType") != "fixed" or not service:
        return at
    try:
        return max(at, datetime.fromisoformat(one(form, "SendAt")).timestamp())
    except ValueError as error:
        raise ApiError(20001) from error


def _steps(states: Sequence[str], delays_ms: Mapping[str, float | None], start: float) -> tuple[Step, ...]:
    """A delay of None leaves its state out; failures come when a delivery would."""
    delays = {**delays_ms, "failed": delays_ms["delivered"], "undelivered": delays_ms["delivered"]}
    timed = [(state, delays[state]) for state in ("queued", *states)]
    return tuple(Step(state, start + delay / 1000) for state, delay in timed if delay is not None)
