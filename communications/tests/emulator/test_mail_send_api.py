import base64
import http.client
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from communications.emulator.config import SENDGRID_PUBLIC_KEY
from communications.emulator.ledger import Ledger
from communications.emulator.sendgrid import signing
from communications.emulator.testing import Emulator
from communications.tests.emulator.support import MAIL_ANNA, MAIL_BEN, SendGrid, letter, person


def test_a_call_is_accepted_with_an_empty_answer_and_an_id(sendgrid: SendGrid):
    answer = sendgrid.send()

    assert (answer.status, answer.text) == (202, "")
    assert len(answer.headers["X-Message-Id"]) == 22


def test_every_person_of_a_call_has_an_entry_with_our_reference(sendgrid: SendGrid, emulator: Emulator):
    people = [person(f"p{n}@example.com", f"m{n}", substitutions={"-name-": f"P{n}"}) for n in range(1000)]

    message_id = sendgrid.send(*people).headers["X-Message-Id"]

    entries = emulator.ledger("accepted")
    assert [entry["to"] for entry in entries] == [f"p{n}@example.com" for n in range(1000)]
    assert [entry["reference"] for entry in entries] == [f"m{n}" for n in range(1000)]
    assert {(entry["provider"], entry["message_id"]) for entry in entries} == {("sendgrid", message_id)}
    assert entries[7]["person"] == people[7]
    assert emulator.count()["groups"] == 1000
    assert [entry["subject"] for entry in emulator.ledger("call")] == ["Hello -name-"]


def test_a_call_without_the_key_is_refused(emulator: Emulator):
    answer = SendGrid(emulator, key="SG.wrong").send()

    assert answer.status == 401
    assert answer.json == {
        "errors": [
            {
                "message": "The provided authorization grant is invalid, expired, or revoked",
                "field": None,
                "help": None,
            }
        ]
    }
    assert emulator.count()["total"] == 0
    assert emulator.ledger("refused")[0]["to"] == MAIL_ANNA


@pytest.mark.parametrize(
    ("people", "more", "field"),
    [
        ([], {"personalizations": []}, "personalizations"),
        ([], {"personalizations": [person(f"p{n}@example.com") for n in range(1001)]}, "personalizations"),
        ([], {"personalizations": [{}]}, "personalizations.0.to"),
        ([], {"from": None}, "from.email"),
        ([], {"subject": None}, "subject"),
        ([], {"content": None}, "content"),
        ([], {"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ([], {"content": letter()["content"][::-1]}, "content"),
        ([], {"template_id": "d-1"}, "template_id"),
        ([], {"headers": {"Subject": "x"}}, "headers.Subject"),
        ([], {"custom_args": {"n": 1}}, "custom_args"),
        ([], {"categories": [str(n) for n in range(11)]}, "categories"),
        (["nobody"], {}, "personalizations.0.to.0.email"),
        ([MAIL_ANNA, MAIL_BEN, MAIL_ANNA.upper()], {}, "personalizations.2"),
        ([person(MAIL_ANNA, cc=[{"email": MAIL_ANNA}])], {}, "personalizations.0"),
        ([{"to": [{"email": MAIL_ANNA, "name": "Anna; Bell"}]}], {}, "personalizations.0.to.0.name"),
        ([{"to": [{"email": MAIL_ANNA, "name": "Bell, Anna"}]}], {}, "personalizations.0.to.0.name"),
        ([person(MAIL_ANNA, substitutions={"-n-": 1})], {}, "personalizations.0.substitutions"),
        ([person(MAIL_ANNA, substitutions={"-n-": "ü" * 5000})], {}, "personalizations.0.substitutions"),
        ([person(MAIL_ANNA, substitutions={f"-{n}-": "" for n in range(101)})], {}, "personalizations.0.substitutions"),
        ([person(MAIL_ANNA, custom_args={"m": 7})], {}, "personalizations.0.custom_args"),
        ([person(MAIL_ANNA, custom_args={"m": "x" * 10_000})], {}, "personalizations.0.custom_args"),
        ([person(MAIL_ANNA, headers={"Reply-To": "x"})], {}, "personalizations.0.headers.Reply-To"),
        ([person(MAIL_ANNA, dynamic_template_data={})], {}, "personalizations.0.dynamic_template_data"),
    ],
)
def test_what_sendgrid_refuses_is_refused_for_the_whole_call(sendgrid, emulator, people: list, more: dict, field: str):
    answer = sendgrid.send(*people, **more)

    assert answer.status == 400
    assert [set(error) for error in answer.json["errors"]] == [{"message", "field", "help"}]
    assert answer.json["errors"][0]["field"] == field
    assert emulator.ledger("accepted") == []
    assert emulator.ledger("refused")[0]["field"] == field


def test_what_is_just_within_the_limits_is_accepted(sendgrid: SendGrid):
    tags = {f"-{n:02}-": "x" * 95 for n in range(100)}

    assert sendgrid.send(person(MAIL_ANNA, substitutions=tags, custom_args={"m": "x" * 9998})).status == 202
    assert sendgrid.send(person(MAIL_ANNA, subject="Own"), person(MAIL_BEN, subject="Own"), subject=None).status == 202


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"\xff\xfe"])
def test_a_body_that_cannot_be_read_is_refused(sendgrid: SendGrid, body: bytes):
    assert sendgrid.post(body).status == 400


@pytest.mark.parametrize(
    "more",
    [
        {"tracking_settings": ["open"]},
        {"attachments": ["a"]},
        {"categories": [{}]},
        {"personalizations": [None]},
        {"personalizations": [{"to": [{"email": "\ud83d@example.com"}]}]},
        {"personalizations": [{"to": [{"email": MAIL_ANNA}], "cc": 5}]},
        {"subject": "half of a \ud83d character"},
    ],
)
def test_a_payload_of_an_unknown_shape_is_refused_and_harms_nobody(sendgrid: SendGrid, emulator: Emulator, more: dict):
    assert sendgrid.send(**more).status == 400
    assert sendgrid.send().status == 202
    assert emulator.count()["total"] == 1


def test_more_than_thirty_megabytes_are_refused(sendgrid: SendGrid):
    answer = sendgrid.send(content=[{"type": "text/plain", "value": "x" * 31_500_000}])

    assert (answer.status, len(answer.json["errors"])) == (413, 1)


@pytest.mark.parametrize("mode", ["400", "401", "429", "500", "503"])
def test_a_refusing_rule_answers_sendgrids_error_and_accepts_nobody(sendgrid, emulator, mode: str):
    emulator.faults(mode, times=1, provider="sendgrid")

    answer = sendgrid.send()

    assert (answer.status, list(answer.json)) == (int(mode), ["errors"])
    assert emulator.count()["total"] == 0
    assert sendgrid.send().status == 202


def test_too_many_requests_says_when_to_come_back(sendgrid, emulator):
    emulator.faults("429", times=1, retry_after=7)

    assert sendgrid.send().headers["Retry-After"] == "7"


def test_accept_then_drop_accepted_everybody_it_never_answered(sendgrid, emulator):
    emulator.faults("accept_then_drop", times=1)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        sendgrid.send(MAIL_ANNA, MAIL_BEN)

    assert emulator.count()["total"] == 2


def test_a_late_answer_was_accepted_and_a_dropped_call_was_not(sendgrid, emulator):
    emulator.faults("accept_then_late", times=1, delay_ms=1500)
    emulator.faults("drop_before", times=1)

    with pytest.raises(TimeoutError):
        SendGrid(emulator, timeout=0.3).send(MAIL_ANNA)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        sendgrid.send(MAIL_BEN)

    assert [entry["to"] for entry in emulator.ledger("accepted")] == [MAIL_ANNA]


def test_an_answer_without_its_id_and_a_proxys_page(sendgrid, emulator):
    emulator.faults("truncated", times=1)
    emulator.faults("html_200", times=1)

    truncated, page = sendgrid.send(MAIL_ANNA), sendgrid.send(MAIL_BEN)

    assert (truncated.status, "X-Message-Id" in truncated.headers) == (202, False)
    assert (page.status, "It works" in page.text) == (200, True)
    assert emulator.count()["total"] == 1


def test_a_rule_can_be_about_one_person_of_a_call(sendgrid, emulator):
    emulator.faults("500", match={"to": "^ben@"})

    assert sendgrid.send(MAIL_ANNA, MAIL_BEN, "carl@example.com").status == 500
    assert sendgrid.send(MAIL_ANNA, "carl@example.com").status == 202


def test_a_call_that_was_not_written_whole_never_happened(tmp_path: Path):
    lines = [
        {"seq": 1, "kind": "accepted", "provider": "twilio"},
        {"seq": 2, "kind": "call", "provider": "sendgrid", "people": 2},
        {"seq": 3, "kind": "accepted", "provider": "sendgrid"},
    ]
    (tmp_path / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"seq":4,"ki')

    assert [entry["seq"] for entry in Ledger(tmp_path).open()] == [1]
    assert len((tmp_path / "ledger.jsonl").read_text().splitlines()) == 1


def test_the_signature_verifies_with_the_key_that_rapport_is_given():
    signed = signing.headers(b"[]\r\n", at=1_700_000_000)

    key = serialization.load_der_public_key(base64.b64decode(SENDGRID_PUBLIC_KEY))
    key.verify(base64.b64decode(signed[signing.SIGNATURE]), b"1700000000[]\r\n", ec.ECDSA(hashes.SHA256()))
    assert signed[signing.TIMESTAMP] == "1700000000"
    assert signing.public_key() == SENDGRID_PUBLIC_KEY
