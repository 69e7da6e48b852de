from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from communications.exceptions import UnreadableDelivery, WebhookRejected
from communications.providers import loop
from communications.providers.base import Attachment, OutboundMessage, Outcome, Provider, SendResult
from communications.providers.http import call_until
from communications.providers.mail import whole
from communications.providers.smtp import Smtp
from communications.tests.providers.contracts import Post
from communications.tests.providers.mail_server import MailServer, mail_server
from communications.tests.providers.mails import SENDER, mail, mails, slots, template

A, R, D, X, U = Outcome.ACCEPTED, Outcome.RETRY, Outcome.DOWN, Outcome.REJECTED, Outcome.UNCERTAIN


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", server.port, "none"
        yield server
    loop.close()


@pytest.fixture
def it() -> Provider:
    return Smtp()


def send(it: Provider, *messages: OutboundMessage) -> list[SendResult]:
    return loop.run(it.send(messages))


def three(word: str) -> Sequence[OutboundMessage]:
    """Mails to John, somebody who is `word` and Jane."""
    shared = template()
    return [mail(shared, slots(), recipient=f"{name}@example.com") for name in ("john", word, "jane")]


def test_a_mail_arrives_as_it_was_written(it: Provider, server: MailServer) -> None:
    shared = template(sender_name="Huron Home, Heating", reply_to="office@huronhome.example")
    own = slots("Émilie", "Monday\n.\n..", headers={"List-Unsubscribe": f"<https://rapport.test/u/{'x' * 300}>"})
    message = mail(shared, own, recipient_name="Émilie Roy")

    [result] = send(it, message)

    [arrived] = server.arrived
    read = arrived.mail
    wanted = whole(shared, own)
    assert (arrived.sender, arrived.recipient) == (SENDER, "john@example.com")
    assert read["From"] == f"Huron Home Heating <{SENDER}>"
    assert (read["To"], read["Reply-To"]) == ("Émilie Roy <john@example.com>", "office@huronhome.example")
    assert read["Subject"] == wanted.subject
    assert read["Message-ID"] == f"<{message.reference}@huronhome.example>"
    assert read["List-Unsubscribe"] == own.headers["List-Unsubscribe"]
    assert b"List-Unsubscribe: <https://rapport.test/u/" + b"x" * 300 in arrived.content
    assert read.get_content_type() == "multipart/alternative"
    parts = [part.get_content().replace("\r\n", "\n").rstrip("\n") for part in read.iter_parts()]
    assert parts == [wanted.text.rstrip("\n"), wanted.html]
    assert (result.outcome, result.provider_message_id) == (A, f"{message.reference}@huronhome.example")


def test_a_batch_has_one_connection(it: Provider, server: MailServer) -> None:
    batch = mails(template(), [slots(f"Person {n}") for n in range(20)])

    results = send(it, *batch)

    assert [r.reference for r in results] == [m.reference for m in batch]
    assert ({r.outcome for r in results}, len(server.arrived), server.connections) == ({A}, 20, 1)


def test_the_files_of_a_version_come_along(it: Provider, server: MailServer, settings: Any, tmp_path: Any) -> None:
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": files}
    key = default_storage.save("map.png", ContentFile(b"\x89PNG"))
    attached = (
        Attachment(key=key, name="map.png", content_type="image/png"),
        Attachment(key=key, name="map\r\n.bin", content_type="odd"),
    )

    send(it, mail(template(attachments=attached), slots()))

    first, second = server.arrived[0].mail.iter_attachments()
    assert (first.get_content_type(), first.get_filename(), first.get_content()) == ("image/png", "map.png", b"\x89PNG")
    assert second.get_filename() == "map  .bin"


def test_a_file_that_is_gone_is_told_of_the_mail_that_needs_it(it: Provider, server: MailServer) -> None:
    broken = template(attachments=(Attachment(key="gone.pdf", name="gone.pdf"),))

    results = send(it, mail(broken, slots()), mail(template(), slots()))

    assert [(r.outcome, r.error_code) for r in results] == [(X, "attachment"), (A, "")]


# What a server answers to one of three mails, and what becomes of that one and the last.
ANSWERS: list[tuple[str, str, Outcome, str]] = [
    ("RCPT", "450 4.2.1 Try later", R, "450"),
    ("RCPT", "550 5.1.1 No such user", X, "550"),
    ("RCPT", "530 5.7.0 Authentication required", D, "530"),
    ("RCPT", "421 4.3.2 Closing", R, "421"),
    ("RCPT", "hang up", R, "not_sent"),
    ("RCPT", "what?", R, "-1"),
    ("DATA", "451 4.3.0 Try later", R, "451"),
    ("DATA", "554 5.7.1 No", X, "554"),
    ("DATA", "hang up", R, "not_sent"),
    (".", "452 4.3.1 Full", R, "452"),
    (".", "552 5.3.4 Too large", X, "552"),
    (".", "what?", U, "-1"),
    (".", "299 Perhaps", U, "299"),
    (".", "hang up", U, "no_answer"),
]


@pytest.mark.parametrize(("command", "reply", "outcome", "code"), ANSWERS)
def test_each_answer_is_about_its_own_mail(
    it: Provider, server: MailServer, command: str, reply: str, outcome: Outcome, code: str
) -> None:
    server.replies[command, "odd"] = reply

    results = send(it, *three("odd"))

    assert [r.outcome for r in results] == [A, outcome, A]
    assert results[1].error_code == code
    assert results[1].detail
    assert {a.recipient for a in server.arrived} >= {"john@example.com", "jane@example.com"}


def test_a_server_that_cannot_be_cleared_is_left(it: Provider, server: MailServer) -> None:
    server.replies["RCPT", "odd"] = "550 No such user"
    server.replies["RSET", "odd"] = "500 What?"

    assert [r.outcome for r in send(it, *three("odd"))] == [A, X, A]
    assert server.connections == 2


def test_a_sender_that_the_server_does_not_know_is_refused_for_good(it: Provider, server: MailServer) -> None:
    server.replies["MAIL", "hello"] = "553 5.7.1 Not yours"

    [result] = send(it, mail(template(), slots()))

    assert (result.outcome, result.error_code) == (X, "553")


def test_a_server_that_does_not_answer_in_time_leaves_doubt_only_after_the_dot(
    it: Provider, server: MailServer, settings: Any
) -> None:
    settings.PROVIDER_TIMEOUT_SECONDS = 0.3
    server.replies[".", "odd"] = "250-and"  # a reply that never ends

    results = send(it, *three("odd"))

    assert [r.outcome for r in results] == [A, U, A]


@pytest.mark.parametrize("greeting", ["554 5.3.2 No service", "hang up"])
def test_a_server_that_does_not_let_us_in_is_asked_once_a_batch(
    it: Provider, server: MailServer, greeting: str
) -> None:
    server.greeting = greeting

    results = send(it, *three("odd"))

    assert {r.outcome for r in results} == {D}
    assert all(r.error_code and r.detail for r in results)
    assert server.connections == 1


def test_a_server_that_is_not_there_carried_nothing(it: Provider, settings: Any) -> None:
    with mail_server() as gone:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", gone.port, "none"

    results = send(it, *three("odd"))

    assert {r.outcome for r in results} == {D}
    loop.close()


def test_without_the_encryption_that_was_asked_for_nothing_is_sent(
    it: Provider, server: MailServer, settings: Any
) -> None:
    settings.SMTP_TLS = "starttls"

    [result] = send(it, mail(template(), slots()))

    assert (result.outcome, server.arrived) == (D, [])


def test_a_name_that_the_server_does_not_accept_is_the_account_s_fault(
    it: Provider, server: MailServer, settings: Any
) -> None:
    settings.SMTP_USER, settings.SMTP_PASSWORD = "rapport", "wrong"
    server.replies["EHLO", ""] = "250-mail.example\r\n250 AUTH PLAIN"
    server.replies["AUTH", ""] = "535 5.7.8 Wrong"

    [result] = send(it, mail(template(), slots()))

    assert (result.outcome, result.error_code) == (D, "535")


def test_no_mail_begins_when_the_lease_would_not_outlive_it(it: Provider, server: MailServer) -> None:
    token = call_until.set(0.0)
    try:
        results = send(it, *three("odd"))
    finally:
        call_until.reset(token)

    assert [(r.outcome, r.error_code) for r in results] == [(R, "not_sent")] * 3
    assert server.arrived == []


@pytest.mark.parametrize(
    "broken",
    [
        {"recipient": "josé@example.com"},
        {"recipient": "john@example.com\r\nRCPT TO:<all@example.com>"},
        {"recipient": "not an address"},
        {"sender": ""},
        {"template": None},
    ],
)
def test_what_cannot_be_a_mail_is_refused_alone(it: Provider, server: MailServer, broken: dict[str, Any]) -> None:
    john, odd, jane = three("odd")

    results = send(it, john, replace(odd, **broken), jane)

    assert [r.outcome for r in results] == [A, X, A]
    assert len(server.arrived) == 2


def test_a_line_break_begins_no_header(it: Provider, server: MailServer) -> None:
    own = slots("John\r\nBcc: all@example.com", headers={"X-Visit": "1\nBcc: all@example.com"})

    send(it, mail(template(), own, recipient_name="John\nBcc: all@example.com"))

    assert "Bcc" not in server.arrived[0].mail
    assert server.arrived[0].mail["Subject"] == "Your visit, John  Bcc: all@example.com"


def test_a_message_id_of_ours_is_kept(it: Provider, server: MailServer) -> None:
    [result] = send(it, mail(template(), slots(headers={"Message-Id": "<1@rapport.test>"})))

    assert server.arrived[0].mail.get_all("Message-ID") == ["<1@rapport.test>"]
    assert result.provider_message_id == "1@rapport.test"


@pytest.mark.parametrize(
    ("text", "html", "kind"), [("", "a", "text/html"), ("a", "", "text/plain"), ("", "", "text/plain")]
)
def test_a_mail_of_one_part_is_that_part(it: Provider, server: MailServer, text: str, html: str, kind: str) -> None:
    send(it, mail(template(text=(text,), html=(html,)), slots(text=[], html=[])))

    assert server.arrived[0].mail.get_content_type() == kind


def test_a_mail_server_posts_no_webhooks(it: Provider) -> None:
    post = Post(url="https://rapport.test/", body=b"", headers={})
    with pytest.raises(WebhookRejected):
        it.verify(post.request(), post.url)
    for parse in (it.parse_events, it.parse_inbound):
        with pytest.raises(UnreadableDelivery):
            list(parse(post.stored("smtp")))
    assert loop.run(it.lookup([mail(template(), slots())])) == []
