import urllib.request

import pytest

from communications.tests.emulator.support import ANNA, BEN, FROM, MAIL_ANNA, person


def fetch(url: str, **headers: str):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5)


@pytest.mark.parametrize("path", ["/", "/phones", "/mail"])
def test_a_page_is_served_and_allows_only_our_own_files(emulator, path: str):
    with fetch(emulator.url + path) as answer:
        text = answer.read().decode()

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "<script>" not in text
    assert "style=" not in text


def test_everything_a_page_names_is_there(emulator):
    names = set()
    for path in ("/", "/phones", "/mail"):
        with fetch(emulator.url + path) as answer:
            names |= {part.split('"')[0] for part in answer.read().decode().split('"/static/')[1:]}

    assert names
    for name in names:
        with fetch(f"{emulator.url}/static/{name}") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("name", ["nothing.js", "phones.py", "..%2fphones.py", "home.html", "frame.py"])
def test_nothing_else_is_served(emulator, name: str):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{emulator.url}/static/{name}")


def test_a_page_of_another_site_controls_nothing(emulator):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        fetch(f"{emulator.url}/_control/phones", Origin="https://elsewhere.example")

    with fetch(f"{emulator.url}/_control/phones", Origin=emulator.url) as answer:
        assert answer.status == 200


def test_phones_are_listed_by_their_last_activity(emulator, twilio):
    for to in (ANNA, BEN, ANNA):
        twilio.send(to=to)
    emulator.inbound("STOP", sender=ANNA)

    listed = emulator.control("GET", "/phones")

    assert [phone["address"] for phone in listed["phones"]] == [ANNA, BEN]
    assert [phone["unread"] for phone in listed["phones"]] == [3, 1]
    assert listed["phones"][0]["opted_out"]
    assert [phone["address"] for phone in emulator.control("GET", "/phones?q=0124")["phones"]] == [BEN]


def test_looking_at_a_phone_leaves_nothing_unread(emulator, twilio):
    twilio.send()

    emulator.control("POST", "/seen", {"address": ANNA})

    assert emulator.control("GET", "/phones")["phones"][0]["unread"] == 0


def test_a_thread_shows_both_sides_with_state_and_segments(emulator, twilio):
    twilio.send(body="x" * 200)
    emulator.inbound("Grüß Gott – 😀", sender=ANNA)

    ours, theirs = emulator.messages(ANNA)

    assert (ours["direction"], ours["segments"], ours["encoding"]) == ("outbound", 2, "GSM-7")
    assert (theirs["direction"], theirs["status"], theirs["encoding"]) == ("inbound", "received", "UCS-2")
    assert (theirs["from"], theirs["to"]) == (ANNA, FROM)


def test_the_state_of_everything_comes_in_one_call(emulator, twilio):
    twilio.send()
    emulator.faults("500", times=0)

    state = emulator.control("GET", "/state")

    assert state["ledger"]["accepted"] == 1
    assert (state["phones"], len(state["faults"])) == (1, 1)


def test_a_mails_own_page_may_do_nothing_but_be_read(emulator, sendgrid):
    html = "<!doctype html><html><head><title>x</title></head><body>Dear -name-</body></html>"
    answer = sendgrid.send(
        person(MAIL_ANNA, substitutions={"-name-": "Anna"}), content=[{"type": "text/html", "value": html}]
    )
    sid = f"{answer.headers['X-Message-Id']}.0"

    with fetch(f"{emulator.url}/mail/{sid}/html") as plain, fetch(f"{emulator.url}/mail/{sid}/html?pictures=1") as full:
        policy, text = plain.headers["Content-Security-Policy"], plain.read().decode()
        pictures = full.headers["Content-Security-Policy"]

    assert text == html.replace("<head>", '<head><base target="_blank">').replace("-name-", "Anna")
    assert {"default-src 'none'", "img-src data:", "form-action 'none'", "frame-ancestors 'self'"} < set(
        policy.split("; ")
    )
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "script" not in policy
    assert "img-src data: http: https:" in pictures
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{emulator.url}/mail/nothing.0/html")
