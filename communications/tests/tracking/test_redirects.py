"""Pictures and links as the world asks for them: led to what was stored, recorded once, never chosen by the request."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from communications import intake
from communications.models import MessageData, WebhookDelivery
from communications.tests.factories import MessageSchemaVersionFactory, TrackedLinkFactory
from communications.tests.rendering.emails import button
from communications.tests.tracking.mails import mailed, version_of
from communications.tracking.links import personal_variables
from communications.tracking.tokens import token_for

pytestmark = pytest.mark.django_db
GIF = b"GIF89a"


@pytest.fixture
def reader() -> Client:
    return Client(raise_request_exception=False)


def linked(target: str, **values: Any) -> MessageData:
    """A mail whose first link has this target, whatever a template would have let through."""
    link = TrackedLinkFactory(target=target, schema_version=MessageSchemaVersionFactory(template_schema={}))
    return mailed(link.schema_version, **values)


def path(message: MessageData, rest: str = "c/1") -> str:
    return f"/t/{token_for(message.pk)}/{rest}"


def leads_nowhere(response: HttpResponse) -> bool:
    assert response.status_code == 404 and not response.has_header("Location")
    assert b"This link is not complete" in response.content
    return not WebhookDelivery.objects.exists()


def test_a_link_leads_to_its_target_with_the_persons_own_values(reader: Client) -> None:
    version = version_of(button("https://huronhome.ca/o/{{ order.id }}?n={{ name | url_encode }}#a"))
    message = mailed(version, variables={"order": {"id": 7}, "name": "Zoë & Co"})

    response = reader.get(path(message), headers={"User-Agent": "Mail/1.0", "Referer": "https://mail.example/"})

    assert response.status_code == 302
    assert response["Location"] == (
        "https://huronhome.ca/o/7?n=Zo%C3%AB+%26+Co&utm_source=rapport&utm_medium=email"
        "&utm_campaign=MSG-SCHEMA-SALE-001#a"
    )
    assert response["Cache-Control"] == "no-store, private"
    assert not response.cookies


def test_a_click_is_one_row_of_the_journal(reader: Client, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://rapport.test"
    message = linked("https://huronhome.ca/{{ x }}", variables={"x": "a"})

    reader.get(path(message), headers={"User-Agent": "Mail/1.0", "Cookie": "a=b"}, REMOTE_ADDR="203.0.113.9")

    row = WebhookDelivery.objects.get()
    assert (row.provider, row.endpoint, row.state, row.remote_address) == (
        "tracking",
        "click",
        "received",
        "203.0.113.9",
    )
    assert row.url == f"https://rapport.test{path(message)}"
    assert row.headers == {"User-Agent": "Mail/1.0"}


@pytest.mark.parametrize(("rest", "queries"), [("c/1", 2), ("o.gif", 1)])
def test_a_hit_costs_one_insert_and_a_link_one_select(reader: Client, rest: str, queries: int) -> None:
    message = linked("https://huronhome.ca")

    with CaptureQueriesContext(
        connection,
    ) as made:
        reader.get(path(message, rest))

    assert len(made) == queries, [query["sql"] for query in made]


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01https://evil.example",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://evil.example/",
        "mailto:a@b.ca",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "evil.example",
        "/admin/",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https://",
        "https://?x",
        "https://[evil",
        "{{ nothing }}",
        "https://a.ca/{{ nothing }}",
        "{{ scheme }}://evil.example",
        "{{ link }}",
        "{{ broken",
        "https://a.ca/{{ long }}",
    ],
)
def test_a_target_that_is_no_page_leads_nowhere(reader: Client, target: str) -> None:
    variables = {"scheme": "javascript", "link": "javascript:alert(1)//https://a.ca", "long": "a" * 9_000}

    assert leads_nowhere(reader.get(path(linked(target, variables=variables))))


@pytest.mark.parametrize(
    "value",
    [
        "x\r\nSet-Cookie: a=b",
        "x\nLocation: https://evil.example",
        "x\r\n\r\n<script>alert(1)</script>",
        "x\u2028y",
        "x\x0b\x0c\x7f",
        "é ü \U0001f600",
        "\\evil\"<>'",
    ],
)
def test_a_value_stays_within_its_header(reader: Client, value: str) -> None:
    response = reader.get(path(linked("https://a.ca/{{ x }}", variables={"x": value})))

    assert response.status_code == 302
    assert response["Location"].startswith("https://a.ca/") and response["Location"].isascii()
    assert not set(response["Location"]) & set('\r\n "<>\\')
    assert not response.cookies


@pytest.mark.parametrize(
    "query",
    [
        "?url=https://evil.example",
        "?target=//evil.example&next=https://evil.example&u=https://evil.example",
        "?x={{7*7}}",
        "?link=https://evil.example&trackingUrl=https://evil.example",
    ],
)
def test_nothing_in_a_request_chooses_the_target(reader: Client, query: str) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Referer": "https://evil.example"}

    response = reader.get(path(linked("https://a.ca/{{ x }}", variables={"x": "1"})) + query, headers=hostile)

    assert response.status_code in (302, 400)  # 400: the host is none of ours
    assert response.headers.get("Location", "https://a.ca/1") == "https://a.ca/1"
    assert reader.get(path(MessageData.objects.get()) + query)["Location"] == "https://a.ca/1"


@pytest.mark.parametrize("position", ["0", "2", "99999999999999999999", "01x", "-1", "1/", "x", "1.0", "%31x", "1;2"])
def test_a_number_that_the_mail_does_not_have_leads_nowhere(reader: Client, position: str) -> None:
    response = reader.get(path(linked("https://a.ca"), f"c/{position}"))

    assert response.status_code == 404
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("token", ["x", "a" * 40, "a" * 4_000, "%00", "%0d%0aX: y", "..%2f..%2f", "%ff%fe", "é"])
@pytest.mark.parametrize("rest", ["c/1", "unsubscribe", "o.gif"])
def test_a_token_that_we_did_not_make_leads_nowhere_and_is_not_recorded(reader: Client, token: str, rest: str) -> None:
    response = reader.get(f"/t/{token}/{rest}")

    is_picture = rest == "o.gif" and response.get("Content-Type") == "image/gif"
    assert is_picture or response.status_code == 404
    assert not WebhookDelivery.objects.exists()


def test_a_token_for_a_message_that_is_not_there_leads_nowhere(reader: Client) -> None:
    token = token_for(uuid4())

    assert leads_nowhere(reader.get(f"/t/{token}/c/1"))
    assert leads_nowhere(reader.get(f"/t/{token}/unsubscribe"))


def test_the_link_of_another_version_is_none_of_this_mail(reader: Client) -> None:
    TrackedLinkFactory(position=2, schema_version=MessageSchemaVersionFactory())

    assert leads_nowhere(reader.get(path(linked("https://a.ca"), "c/2")))


def test_the_picture_is_a_dot_that_nobody_keeps(reader: Client) -> None:
    response = reader.get(path(mailed(), "o.gif"))

    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(GIF) and len(response.content) < 50
    assert response["Cache-Control"] == "no-store, private"
    assert WebhookDelivery.objects.get().endpoint == "open"


@pytest.mark.parametrize("rest", ["c/1", "o.gif", "unsubscribe"])
def test_head_is_answered_alike_and_leaves_no_record(reader: Client, rest: str) -> None:
    message = linked("https://a.ca")

    head, get = reader.head(path(message, rest)), reader.get(path(message, rest))

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("Location") == get.headers.get("Location")
    assert WebhookDelivery.objects.count() == (0 if rest == "unsubscribe" else 1)


@pytest.mark.parametrize("rest", ["c/1", "o.gif"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_no_other_method_is_a_hit(reader: Client, method: str, rest: str) -> None:
    assert reader.generic(method, path(linked("https://a.ca"), rest)).status_code == 405
    assert not WebhookDelivery.objects.exists()


def test_with_the_database_away_a_link_asks_to_come_again_and_the_picture_is_shown(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = linked("https://a.ca")

    def away(*_: object, **__: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(intake, "fetch_all", away)

    assert reader.get(path(message, "o.gif")).content.startswith(GIF)
    response = reader.get(path(message))
    assert response.status_code == 503 and response.has_header("Retry-After")


@pytest.mark.parametrize("remote", ["", "unix:", "nonsense", "fe80::1%eth0", "::ffff:203.0.113.9"])
def test_an_address_that_is_none_does_not_stop_a_link(reader: Client, remote: str) -> None:
    assert reader.get(path(linked("https://a.ca")), REMOTE_ADDR=remote).status_code == 302
    assert WebhookDelivery.objects.count() == 1


def test_a_target_may_hold_the_messages_own_addresses(reader: Client) -> None:
    message = linked("https://a.ca/?back={{ unsubscribeUrl }}")

    assert reader.get(path(message))["Location"].endswith(personal_variables(message.pk)["unsubscribeUrl"])
