"""Mail scanners, prefetchers and proxies follow every link of a mail before its reader does. None of them speaks for her."""

from itertools import product

import pytest
from django.test import Client

from communications.tests.factories import MessageSchemaVersionFactory, TrackedLinkFactory
from communications.tests.tracking.mails import mailed
from communications.tracking.tokens import token_for
from customers.choices import Channel, Purpose
from customers.consent import allowed
from customers.models import ConsentEvent, Suppression

AGENTS = {
    "nobody": {},
    "outlook safe links": {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Accept": "*/*"},
    "barracuda": {"User-Agent": "BarracudaCentral/1.0", "X-Forwarded-For": "64.235.144.1"},
    "proofpoint": {"User-Agent": "Mozilla/4.0 (compatible; MSIE 8.0)", "Connection": "close"},
    "a bot": {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)", "From": "bot@example.com"},
    "a prefetch": {"User-Agent": "Chrome/130", "Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"},
    "a range": {"User-Agent": "curl/8", "Range": "bytes=0-0", "If-None-Match": '"x"'},
    "one click in a header": {"List-Unsubscribe": "One-Click", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    "another method in a header": {
        "X-HTTP-Method-Override": "POST",
        "X-HTTP-Method": "POST",
        "X-Method-Override": "POST",
    },
    "markup": {"User-Agent": "<script>alert(1)</script>{{ 7 | times: 7 }}", "Referer": "javascript:alert(1)"},
    "a zero byte": {"User-Agent": "a\x00b", "Referer": "https://a.ca/\x00"},
    "bytes": {"User-Agent": "\xff\xfe\xed\xa0\x80", "Accept-Language": "\xff"},
    "a very long one": {"User-Agent": "x" * 60_000, "Accept-Language": "y" * 60_000},
}
QUERIES = (
    "",
    "?List-Unsubscribe=One-Click",
    "?choice=everything",
    "?choice=promotions&List-Unsubscribe=One-Click&_method=POST&confirm=1",
)
METHODS = ("GET", "HEAD")
SHAPES = list(product(METHODS, AGENTS, QUERIES))


def test_there_are_a_hundred_of_them() -> None:
    assert len(SHAPES) >= 100


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "agent", "query"), SHAPES)
def test_no_scanner_changes_what_a_person_wants(method: str, agent: str, query: str) -> None:
    link = TrackedLinkFactory(schema_version=MessageSchemaVersionFactory())
    message = mailed(link.schema_version, purpose=Purpose.TRANSACTIONAL)

    seen = [
        Client(raise_request_exception=False).generic(
            method,
            f"/t/{token_for(message.pk)}/{rest}{query}",
            b"List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
            headers=AGENTS[agent],
        )
        for rest in ("o.gif", "c/1", "unsubscribe")
    ]

    assert [response.status_code for response in seen] == [200, 302, 200]
    assert not ConsentEvent.objects.exists() and not Suppression.objects.exists()
    assert allowed(Channel.EMAIL, message.recipient, Purpose.TRANSACTIONAL).allowed
