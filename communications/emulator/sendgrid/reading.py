"""What people do with a mail: open it, follow a link, unsubscribe, report it; and what their mail client then does.

Where SendGrid was told not to track, nothing is posted: the mail client loads the pictures and follows the links of the
mail itself, as in life. It goes to addresses of this machine and network only.
"""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from communications.emulator.runtime import Runtime
from communications.emulator.sendgrid import events, journal
from communications.emulator.sendgrid.events import Wave
from communications.emulator.sendgrid.letters import Letter
from communications.emulator.sendgrid.mailbox import Happening, Mail
from communications.emulator.webhooks import Outgoing, Reply, RetryPolicy

ONE_CLICK = "List-Unsubscribe=One-Click"
AT_ONCE = 16
PATIENCE = RetryPolicy(retries=0, on=frozenset(), connect=5.0, read=10.0, total=10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What a mail client asked for; `reply` None: it was an address that it does not go to."""

    method: str
    url: str
    reply: Reply | None


async def happen(
    runtime: Runtime, mail: Mail, event: str, more: Mapping[str, Any], *, posted: bool = True
) -> Happening:
    """Something happens to a mail now, and SendGrid tells it unless `posted` is false. ValueError: it knows no such event."""
    if event not in events.DETAILS:
        raise ValueError(f"event is one of {', '.join(events.DETAILS)}")
    before = mail.call.more.get(mail.index, ())
    number = 1 + sum(happening.event == event for happening in before)
    happening = Happening(event, time.time(), number)
    facts = {"sid": mail.sid, "to": mail.to, "event": event, "number": number, "more": more, "posted": posted}
    await runtime.ledger.commit("happened", {"provider": "sendgrid", **facts})
    mail.call.more.setdefault(mail.index, []).append(happening)
    if posted:
        runtime.mailbox.suppress(mail.to, event)
        runtime.feed.add([journal.by_hand(mail.call, mail.index, happening, more)])
    return happening


async def open_mail(runtime: Runtime, mail: Mail, *, load: bool = True) -> list[Visit]:
    """`load`: the pictures too; a browser that shows the mail loads them itself."""
    await happen(runtime, mail, "open", {}, posted=mail.call.open_tracking)
    return await _load_pictures(runtime, runtime.letters.of(mail)) if load else []


async def click(runtime: Runtime, mail: Mail, url: str | None = None) -> list[Visit]:
    """Follows a link, the first one unless named. ValueError: there is none."""
    letter = runtime.letters.of(mail)
    links = links_of(letter)
    target = url or next(iter(links), None)
    if target is None:
        raise ValueError("the mail has no link")
    place = {"index": links.index(target) if target in links else 0, "type": "html"}
    await happen(runtime, mail, "click", {"url": target, "url_offset": place}, posted=mail.call.click_tracking)
    return [await _visit(runtime, "GET", target)]


async def unsubscribe(runtime: Runtime, mail: Mail) -> list[Visit]:
    """The button that a mail client shows above a mail (RFC 8058). ValueError: the mail does not offer it."""
    url = one_click_url(runtime.letters.of(mail))
    if url is None:
        raise ValueError("the mail has no List-Unsubscribe with List-Unsubscribe-Post")
    await happen(runtime, mail, "unsubscribe", {}, posted=False)
    return [await _visit(runtime, "POST", url, ONE_CLICK)]


def browse(runtime: Runtime, wave: Wave) -> bool:
    """True: SendGrid has nothing to tell of this wave, for people did it past its tracking."""
    call = wave.call
    match wave.event:
        case "open" if not call.open_tracking:
            work = _open_planned
        case "click" if not call.click_tracking:
            work = _click_planned
        case "unsubscribe" if not wave.number and one_click_url(runtime.letters.read(call, wave.indexes[0])):
            work = _unsubscribe_planned
        case _:
            return False
    runtime.background(_each(runtime, wave, work))
    return True


async def _each(runtime: Runtime, wave: Wave, work: Callable[[Runtime, Letter], Awaitable[None]]) -> None:
    for start in range(0, len(wave.indexes), AT_ONCE):
        letters = [runtime.letters.read(wave.call, index) for index in wave.indexes[start : start + AT_ONCE]]
        await asyncio.gather(*(work(runtime, letter) for letter in letters))


async def _load_pictures(runtime: Runtime, letter: Letter) -> list[Visit]:
    return [await _visit(runtime, "GET", url) for url in _found(letter.html).pictures]


async def _open_planned(runtime: Runtime, letter: Letter) -> None:
    await _load_pictures(runtime, letter)


async def _click_planned(runtime: Runtime, letter: Letter) -> None:
    for url in links_of(letter)[:1]:
        await _visit(runtime, "GET", url)


async def _unsubscribe_planned(runtime: Runtime, letter: Letter) -> None:
    if url := one_click_url(letter):
        await _visit(runtime, "POST", url, ONE_CLICK)


async def _visit(runtime: Runtime, method: str, url: str, form: str = "") -> Visit:
    if not _is_near(url):
        return Visit(method=method, url=url, reply=None)
    headers = {"User-Agent": events.BROWSER}
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    outgoing = Outgoing(url=url, method=method, body=form.encode(), headers=headers, policy=PATIENCE)
    return Visit(method=method, url=url, reply=await runtime.webhooks.post(outgoing))


def _is_near(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_private
    except ValueError:
        return False


def one_click_url(letter: Letter) -> str | None:
    """None: the mail client shows no button."""
    headers = {name.lower(): value for name, value in letter.headers.items()}
    if headers.get("list-unsubscribe-post", "").replace(" ", "") != ONE_CLICK:
        return None
    offered = [part.strip().strip("<>") for part in headers.get("list-unsubscribe", "").split(",")]
    return next((url for url in offered if url.startswith(("http://", "https://"))), None)


def links_of(letter: Letter) -> list[str]:
    """Each once, in the order of the mail."""
    return list(dict.fromkeys(_found(letter.html).links))


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (given.get("href") or "").startswith(("http://", "https://")):
            self.links.append(str(given["href"]))
        if tag == "img" and (given.get("src") or "").startswith(("http://", "https://")):
            self.pictures.append(str(given["src"]))


def _found(html: str) -> _Finder:
    finder = _Finder()
    finder.feed(html)
    return finder
