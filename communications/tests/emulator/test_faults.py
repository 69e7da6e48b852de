import http.client
import json

import pytest

from communications.emulator.testing import ControlError, Emulator
from communications.tests.emulator.support import ANNA, BEN, Twilio


def accepted(emulator: Emulator) -> int:
    return emulator.count()["total"]


@pytest.mark.parametrize(
    ("mode", "code"), [("400", 20001), ("401", 20003), ("429", 20429), ("500", 20500), ("503", 20503)]
)
def test_a_refusing_rule_answers_the_providers_error_and_accepts_nothing(twilio, emulator, mode: str, code: int):
    emulator.faults(mode, times=1)

    answer = twilio.send()

    assert (answer.status, answer.json["code"], answer.json["status"]) == (int(mode), code, int(mode))
    assert accepted(emulator) == 0
    assert emulator.ledger("refused")[0]["status"] == int(mode)
    assert twilio.send().status == 201


def test_too_many_requests_says_when_to_come_back(twilio, emulator):
    emulator.faults("429", times=1, retry_after=7)
    emulator.faults("429", times=1)

    assert [twilio.send().headers["Retry-After"] for _ in range(2)] == ["7", "1"]


def test_a_status_can_be_named(twilio, emulator):
    emulator.faults("500", times=1, status=502)

    assert twilio.send().status == 502


def test_a_dropped_connection_accepted_nothing(twilio, emulator):
    emulator.faults("drop_before", times=1)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        twilio.send()

    assert accepted(emulator) == 0


def test_accept_then_drop_accepted_what_it_never_answered(twilio, emulator):
    emulator.faults("accept_then_drop", times=1)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        twilio.send(body="Only once")

    assert accepted(emulator) == 1
    assert [message["body"] for message in twilio.list(To=ANNA)["messages"]] == ["Only once"]


def test_accept_then_late_accepted_before_it_answers(twilio, emulator):
    emulator.faults("accept_then_late", times=1, delay_ms=1500)

    with pytest.raises(TimeoutError):
        Twilio(emulator, timeout=0.3).send()

    assert accepted(emulator) == 1


def test_a_hanging_call_accepts_nothing(twilio, emulator):
    emulator.faults("hang", times=1)

    with pytest.raises(TimeoutError):
        Twilio(emulator, timeout=0.3).send()

    assert accepted(emulator) == 0


def test_a_proxys_page_is_no_acceptance(twilio, emulator):
    emulator.faults("html_200", times=1)

    answer = twilio.send()

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert accepted(emulator) == 0


def test_an_error_can_come_with_status_200(twilio, emulator):
    emulator.faults("error_200", times=1)

    answer = twilio.send()

    assert (answer.status, answer.json["code"]) == (200, 20500)
    assert accepted(emulator) == 0


def test_a_truncated_answer_was_accepted(twilio, emulator):
    emulator.faults("truncated", times=1)

    answer = twilio.send()

    assert answer.status == 201
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)
    assert accepted(emulator) == 1


def test_latency_delays_and_then_behaves(twilio, emulator):
    emulator.faults("latency", times=1, delay_ms=1000)

    with pytest.raises(TimeoutError):
        Twilio(emulator, timeout=0.3).send()
    emulator.latency(20, 10)

    assert twilio.send().status == 201


def test_a_rule_is_about_some_messages_only(twilio, emulator):
    emulator.faults("400", match={"to": "0124$", "body": "^Hi"})

    assert twilio.send(to=BEN, body="Hi").status == 400
    assert twilio.send(to=BEN, body="Ho").status == 201
    assert twilio.send(to=ANNA, body="Hi").status == 201


def test_a_rule_can_be_about_a_method_a_path_or_a_provider(twilio, emulator):
    emulator.faults("503", method="GET", path=r"Messages\.json$")
    emulator.faults("500", provider="somebody-else")

    assert twilio.send().status == 201
    assert twilio.call("GET", ".json").status == 503


def test_the_first_rule_that_applies_acts(twilio, emulator):
    emulator.faults("ok", times=2)
    emulator.faults("500")

    assert [twilio.send().status for _ in range(3)] == [201, 201, 500]
    assert [rule["hits"] for rule in emulator.control("GET", "/faults")["faults"]] == [2, 1]


def test_an_accepting_rule_waits_for_a_send(twilio, emulator):
    emulator.faults("accept_then_drop", times=1)

    assert twilio.call("GET", ".json").status == 200
    assert emulator.control("GET", "/faults")["faults"][0]["hits"] == 0


def test_chance_is_replayed_by_its_seed(twilio, emulator):
    emulator.faults("500", probability=0.5)

    runs = []
    for _ in range(2):
        emulator.seed(7)
        runs.append([twilio.send().status for _ in range(20)])

    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 500}


def test_rules_are_cleared_one_by_one_or_all(twilio, emulator):
    first = emulator.faults("500")
    emulator.faults("503")

    emulator.control("DELETE", f"/faults/{first['id']}")
    assert twilio.send().status == 503
    emulator.clear_faults()
    assert twilio.send().status == 201


@pytest.mark.parametrize(
    ("mode", "rule"),
    [("explode", {}), ("500", {"match": {"colour": "red"}}), ("500", {"path": "("}), ("500", {"x": 1})],
)
def test_a_rule_that_makes_no_sense_is_refused(emulator, mode: str, rule: dict):
    with pytest.raises(ControlError, match="400"):
        emulator.faults(mode, **rule)

    assert emulator.control("GET", "/faults")["faults"] == []
