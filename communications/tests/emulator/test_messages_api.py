import re
from email.utils import parsedate_to_datetime

import pytest

from communications.emulator.testing import Emulator
from communications.tests.emulator.support import ANNA, BEN, FROM, Twilio, until

SERVICE = "MG" + "a" * 32


def test_a_send_is_answered_field_for_field(twilio: Twilio, emulator: Emulator):
    answer = twilio.send(body="Hello Anna")

    sid = answer.json["sid"]
    created = answer.json.pop("date_created")
    uri = f"/2010-04-01/Accounts/{emulator.account_sid}/Messages/{sid}"
    assert answer.status == 201
    assert answer.headers["Content-Type"].startswith("application/json")
    assert re.fullmatch(r"SM[0-9a-f]{32}", sid)
    shown = answer.json
    assert shown["date_updated"] == shown["date_created"] == created
    assert parsedate_to_datetime(created).utcoffset().total_seconds() == 0
    del shown["date_created"], shown["date_updated"]
    assert shown == {
        "account_sid": emulator.account_sid,
        "api_version": "2010-04-01",
        "body": "Hello Anna",
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": FROM,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": ANNA,
        "uri": f"{uri}.json",
    }


def test_a_messaging_service_accepts_without_a_sender_yet(twilio: Twilio, emulator: Emulator):
    emulator.callbacks(delays_ms={"sent": 400})

    accepted = twilio.send(sender=None, MessagingServiceSid=SERVICE).json

    assert (accepted["status"], accepted["from"], accepted["num_segments"]) == ("accepted", None, "0")
    assert accepted["messaging_service_sid"] == SERVICE
    until(lambda: twilio.call("GET", f"/{accepted['sid']}.json").json["from"] == FROM)


def test_pictures_make_it_an_mms(twilio: Twilio):
    answer = twilio.send(body=None, MediaUrl=["https://example.com/a.png", "https://example.com/b.png"]).json

    assert answer["sid"].startswith("MM")
    assert answer["num_media"] == "2"


def test_an_address_is_normalised(twilio: Twilio):
    assert twilio.send(to="(415) 555-0123").json["to"] == ANNA


def test_whatsapp_addresses_are_taken_in_pairs(twilio: Twilio):
    answer = twilio.send(to=f"whatsapp:{ANNA}", sender=f"whatsapp:{FROM}")

    assert (answer.status, answer.json["to"], answer.json["from"]) == (201, f"whatsapp:{ANNA}", f"whatsapp:{FROM}")
    assert twilio.send(to=f"whatsapp:{ANNA}").json["code"] == 21910


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"to": ""}, 21604),
        ({"to": "+1"}, 21211),
        ({"to": "soon"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"sender": None}, 21603),
        ({"sender": "+15005550001"}, 21212),
        ({"sender": "+15005550007"}, 21606),
        ({"sender": "+15005550008"}, 21611),
        ({"sender": "a name that is too long"}, 21212),
        ({"body": None}, 21602),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"StatusCallback": "not an address"}, 21609),
        ({"StatusCallback": "http://[/?m=1"}, 21609),
        ({"ValidityPeriod": "0"}, 21624),
        ({"ValidityPeriod": "soon"}, 21624),
    ],
)
def test_a_refusal_carries_twilios_code(twilio: Twilio, emulator: Emulator, form: dict, code: int):
    answer = twilio.send(**form)

    assert answer.status == 400
    assert answer.json["code"] == code
    assert answer.json["status"] == 400
    assert answer.json["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert answer.json["message"]
    assert emulator.ledger("accepted") == []
    assert emulator.ledger("refused")[0]["code"] == code


def test_sixteen_hundred_characters_still_pass(twilio: Twilio):
    assert twilio.send(body="x" * 1600).json["num_segments"] == "11"


def test_wrong_credentials_are_refused(emulator: Emulator, twilio: Twilio):
    stranger = Twilio(emulator, token="wrong")

    assert (stranger.send().status, stranger.send().json["code"]) == (401, 20003)
    assert twilio.call("GET", ".json", account="AC" + "f" * 32).json["code"] == 20003


def test_an_unknown_message_is_not_found(twilio: Twilio):
    answer = twilio.call("GET", f"/SM{'0' * 32}.json")

    assert (answer.status, answer.json["code"]) == (404, 20404)


def test_the_state_moves_on_without_anybody_asking_for_callbacks(twilio: Twilio):
    sid = twilio.send().json["sid"]

    until(lambda: twilio.call("GET", f"/{sid}.json").json["status"] == "delivered")
    shown = twilio.call("GET", f"/{sid}.json").json
    assert shown["date_sent"] is not None
    assert shown["price"] == "-0.00790"


@pytest.mark.parametrize(
    ("to", "status", "error"),
    [("+14155550198", "undelivered", 30005), ("+14155550199", "failed", 30003), ("+14155550197", "sent", None)],
)
def test_some_numbers_end_badly(twilio: Twilio, to: str, status: str, error: int | None):
    sid = twilio.send(to=to).json["sid"]

    until(lambda: twilio.call("GET", f"/{sid}.json").json["status"] == status)
    shown = twilio.call("GET", f"/{sid}.json").json
    assert shown["error_code"] == error
    assert (shown["error_message"] is None) == (error is None)


def test_what_has_not_left_can_be_canceled(twilio: Twilio, emulator: Emulator, receiver):
    emulator.callbacks(delays_ms={"sent": 60_000, "delivered": 60_000})
    sid = twilio.send(StatusCallback=receiver.url()).json["sid"]

    answer = twilio.call("POST", f"/{sid}.json", {"Status": "canceled"})

    assert (answer.status, answer.json["status"]) == (200, "canceled")
    assert emulator.flush() == {"delivered": 0, "failed": 0, "pending": 0}
    assert twilio.call("POST", f"/{sid}.json", {"Status": "canceled"}).json["code"] == 30409


def test_a_scheduled_message_waits_for_its_time(twilio: Twilio):
    answer = twilio.send(sender=None, MessagingServiceSid=SERVICE, ScheduleType="fixed", SendAt="2999-01-01T00:00:00Z")

    assert answer.json["status"] == "scheduled"


def test_a_deleted_message_is_gone(twilio: Twilio):
    sid = twilio.send().json["sid"]

    assert twilio.call("DELETE", f"/{sid}.json").status == 204
    assert twilio.call("GET", f"/{sid}.json").status == 404


def test_the_list_is_newest_first_and_filtered(twilio: Twilio):
    sids = [twilio.send(to=to).json["sid"] for to in (ANNA, BEN, ANNA)]

    assert [message["sid"] for message in twilio.list()["messages"]] == sids[::-1]
    assert [message["sid"] for message in twilio.list(To=ANNA)["messages"]] == [sids[2], sids[0]]
    assert twilio.list(To=ANNA, From="+15005550007")["messages"] == []
    assert len(twilio.list(From=FROM)["messages"]) == 3


def test_the_list_is_filtered_by_date(twilio: Twilio):
    sent = parsedate_to_datetime(twilio.send().json["date_created"])
    day, second = f"{sent:%Y-%m-%d}", f"{sent:%Y-%m-%dT%H:%M:%SZ}"

    assert len(twilio.list(DateSent=day)["messages"]) == 1
    assert len(twilio.list(**{"DateSent>": second})["messages"]) == 1
    assert twilio.list(**{"DateSent<": "2020-01-01"})["messages"] == []
    assert twilio.list(**{"DateSent>=": "2999-01-01"})["messages"] == []
    assert twilio.call("GET", ".json?DateSent%3E=2020-01-01&DateSent%3C=2999-01-01T00:00:00Z").json["messages"]
    assert twilio.call("GET", ".json?DateSent=yesterday").json["code"] == 20001


def test_pages_follow_each_other_while_new_messages_arrive(twilio: Twilio):
    sids = [twilio.send(body=str(number)).json["sid"] for number in range(5)][::-1]

    first = twilio.list(PageSize=2, To=ANNA)
    twilio.send(body="in between")
    second = twilio.raw("GET", first["next_page_uri"]).json
    third = twilio.raw("GET", second["next_page_uri"]).json
    back = twilio.raw("GET", third["previous_page_uri"]).json

    pages = [[message["sid"] for message in page["messages"]] for page in (first, second, third, back)]
    assert pages == [sids[:2], sids[2:4], sids[4:], sids[2:4]]
    assert (first["page"], first["page_size"], first["start"], first["end"]) == (0, 2, 0, 1)
    assert (third["next_page_uri"], first["previous_page_uri"]) == (None, None)
    assert first["first_page_uri"].endswith("PageSize=2&Page=0")


def test_a_page_has_fifty_and_at_most_a_thousand(twilio: Twilio):
    assert twilio.list()["page_size"] == 50
    assert twilio.list(PageSize=5000)["page_size"] == 1000
