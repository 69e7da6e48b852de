import time

import pytest

from communications.emulator.testing import ControlError
from communications.tests.emulator.support import MAIL_ANNA, MAIL_BEN, person

UNTRACKED = {"open_tracking": {"enable": False}, "click_tracking": {"enable": False}}


def html(value: str) -> list[dict]:
    return [{"type": "text/html", "value": value}]


def sid_of(answer) -> str:
    return f"{answer.headers['X-Message-Id']}.0"


def test_a_mail_shows_the_persons_own_words(sendgrid, emulator):
    sendgrid.send(
        person(MAIL_ANNA, "m-1", substitutions={"-name-": "Anna & -name2-", "-name2-": "x"}, headers={"X-Own": "1"}),
        person(MAIL_BEN, subject="Only for -name-", substitutions={"-name-": "Ben"}),
        headers={"X-All": "2"},
        reply_to={"email": "reply@rapport.example"},
    )

    ben, anna = emulator.mails()
    shown = emulator.mail(anna["sid"])

    assert (anna["subject"], ben["subject"]) == ("Hello Anna & -name2-", "Only for Ben")
    assert shown["text"] == "Dear Anna & -name2-"
    assert shown["html"] == "<p>Dear <b>Anna & -name2-</b></p>"
    assert shown["headers"] == {"X-All": "2", "X-Own": "1"}
    assert (shown["from"], shown["reply_to"]) == ("Rapport <hello@rapport.example>", "reply@rapport.example")
    assert (shown["reference"], shown["arguments"], shown["people"]) == ("m-1", {"m": "m-1"}, 2)
    assert not shown["clipped"]


def test_mails_are_found_by_a_part_of_the_address(sendgrid, emulator):
    sendgrid.send(MAIL_ANNA, MAIL_BEN)

    assert [mail["address"] for mail in emulator.mails("ANNA@")] == [MAIL_ANNA]
    assert emulator.mails("nobody") == []
    assert emulator.control("GET", "/state")["mails"] == 2


def test_everybody_in_copy_has_a_mail(sendgrid, emulator):
    sendgrid.send(person(MAIL_ANNA, bcc=[{"email": MAIL_BEN}]))

    assert [mail["address"] for mail in emulator.mails()] == [MAIL_BEN, MAIL_ANNA]


def test_a_mail_that_gmail_cuts_off_is_marked(sendgrid, emulator):
    sid = sid_of(sendgrid.send(content=html("<p>" + "ü" * 60_000)))

    assert emulator.mail(sid)["clipped"]


def test_attachments_are_named_but_not_kept(sendgrid, emulator):
    file = {"filename": "a.ics", "type": "text/calendar", "content": "QkVHSU4="}
    sid = sid_of(sendgrid.send(attachments=[file]))

    assert (
        emulator.mail(sid)["attachments"][0] | {"filename": "a.ics", "bytes": 6} == emulator.mail(sid)["attachments"][0]
    )


def test_an_open_and_a_click_are_told_by_sendgrid_where_it_tracks(sendgrid, emulator, receiver):
    link, picture = receiver.url("/link"), receiver.url("/pixel.gif")
    sid = sid_of(sendgrid.send(content=html(f'<a href="{link}">x</a><img src="{picture}">')))

    emulator.flush()
    opened, clicked = emulator.open_mail(sid), emulator.click(sid)
    emulator.flush()

    assert [(visit["url"], visit["status"]) for visit in opened + clicked] == [(picture, 200), (link, 200)]
    events = {event["event"]: event for event in receiver.events()}
    assert set(events) == {"processed", "delivered", "open", "click"}
    assert events["click"]["url"] == link
    assert [event["event"] for event in emulator.mail(sid)["events"]][-1] == "click"


def test_without_tracking_only_the_mail_client_knows(sendgrid, emulator, receiver):
    link, picture = receiver.url("/link"), receiver.url("/pixel.gif")
    content = html(f'<a href="mailto:x@y.example">x</a><a href="{link}?a=1&amp;b=2">x</a><img src="{picture}">')
    sid = sid_of(sendgrid.send("click@example.com", content=content, tracking_settings=UNTRACKED))
    sendgrid.send(MAIL_ANNA, content=content, tracking_settings=UNTRACKED)

    def visits() -> list[str]:
        return sorted(item.path.rpartition("/")[2] for item in receiver.received if item.method == "GET")

    receiver.wait_events(4)
    emulator.flush()
    until = time.monotonic() + 20
    while len(visits()) < 2 and time.monotonic() < until:
        time.sleep(0.05)

    assert {event["event"] for event in receiver.events()} == {"processed", "delivered"}
    assert visits() == ["link?a=1&b=2", "pixel.gif"]
    assert [event["event"] for event in emulator.mail(sid)["events"]] == ["processed", "delivered", "open", "click"]


def test_the_unsubscribe_button_posts_what_a_mail_client_posts(sendgrid, emulator, receiver):
    url = receiver.url("/u/token")
    headers = {
        "List-Unsubscribe": f"<mailto:u@rapport.example>, <{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    sid = sid_of(sendgrid.send(person(MAIL_ANNA, headers=headers)))

    visits = emulator.unsubscribe(sid)

    assert visits == [{"method": "POST", "url": url, "status": 200, "error": None}]
    posted = next(item for item in receiver.received if item.path.endswith("/u/token"))
    assert (posted.method, posted.form) == ("POST", {"List-Unsubscribe": "One-Click"})
    emulator.flush()
    assert "unsubscribe" not in {event["event"] for event in receiver.events()}
    assert emulator.control("GET", "/suppressions")["suppressed"] == {}


def test_somebody_who_unsubscribes_by_address_presses_the_button_if_there_is_one(sendgrid, emulator, receiver):
    url = receiver.url("/u/token")
    headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    sendgrid.send(person("unsubscribe@example.com", headers=headers))

    receiver.wait_events(3)
    receiver.wait(2)

    assert [item.form for item in receiver.received if item.path.endswith("/u/token")] == [
        {"List-Unsubscribe": "One-Click"}
    ]


def test_a_mail_without_the_header_has_no_button_and_one_without_links_no_click(sendgrid, emulator):
    sid = sid_of(sendgrid.send())

    with pytest.raises(ControlError, match="List-Unsubscribe"):
        emulator.unsubscribe(sid)
    with pytest.raises(ControlError, match="no link"):
        emulator.click(sid)
    with pytest.raises(ControlError, match="400"):
        emulator.mail("nothing.0")
    with pytest.raises(ControlError, match="400"):
        emulator.mail_event(sid, "read")


def test_a_mail_client_goes_to_no_other_machine(sendgrid, emulator):
    sid = sid_of(sendgrid.send(content=html('<a href="https://shop.example/">x</a>')))

    assert emulator.click(sid) == [
        {"method": "GET", "url": "https://shop.example/", "status": None, "error": "elsewhere"}
    ]


def test_an_event_by_hand_may_have_words_of_its_own(sendgrid, emulator, receiver):
    sid = sid_of(sendgrid.send(person(MAIL_ANNA, "m-1")))
    emulator.flush()

    emulator.mail_event(sid, "bounce", reason="550 full", status="5.2.2")
    emulator.mail_event(sid, "open")
    emulator.mail_event(sid, "open")
    emulator.flush()

    bounce, *opens = receiver.events()[2:]
    assert (bounce["event"], bounce["reason"], bounce["status"], bounce["m"]) == ("bounce", "550 full", "5.2.2", "m-1")
    assert len({event["sg_event_id"] for event in opens}) == 2
