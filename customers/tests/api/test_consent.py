from typing import Any

import pytest
from rest_framework.test import APIClient

from config.tests.callers import caller, errors_of
from customers.consent import allowed
from customers.models import ConsentEvent, Customer, Suppression

CONSENT = "/api/v1/consent"
PHONE = "+15195550142"


@pytest.fixture
def client(db: None) -> APIClient:
    return caller("view_consentevent", "add_consentevent")


def word(**values: Any) -> dict[str, Any]:
    return {"channel": "sms", "address": "(519) 555-0142", "status": "opt_in", "purpose": "marketing", **values}


def test_a_word_is_written_and_counts(client: APIClient, jane: Customer) -> None:
    response = client.post(CONSENT, word(customer=str(jane.pk), wording="Send me offers"))

    body = response.json()
    assert (response.status_code, body["address"], body["source"]) == (201, PHONE, "api")
    assert allowed("sms", PHONE, "marketing").allowed
    assert client.get(f"{CONSENT}/{body['id']}").json() == body


def test_the_same_cause_counts_once(client: APIClient) -> None:
    answers = [client.post(CONSENT, word(reference="form-7")).json()["id"] for _ in range(2)]

    assert answers[0] == answers[1]
    assert ConsentEvent.objects.count() == 1


def test_a_correction_is_a_word_of_its_own(client: APIClient) -> None:
    first = client.post(CONSENT, word()).json()

    corrected = client.patch(
        f"{CONSENT}/{first['id']}", {"status": "opt_out", "wording": "Said no on the phone"}
    ).json()

    assert (corrected["status"], corrected["address"]) == ("opt_out", PHONE)
    assert corrected["evidence"] == {"corrects": first["id"]}
    assert client.get(f"{CONSENT}/{first['id']}").json() == first
    assert not allowed("sms", PHONE, "marketing").allowed


@pytest.mark.parametrize(
    ("values", "code", "attr"),
    [
        ({"channel": "push"}, "invalid_choice", "channel"),
        ({"address": "12"}, "invalid_phone", "address"),
        ({"status": "maybe"}, "invalid_choice", "status"),
        ({"ip_address": "1.2.3"}, "invalid", "ip_address"),
        ({"occurred_at": "2026-01-01"}, "no_time_zone", "occurred_at"),
        ({"customer": "Jane"}, "invalid", "customer"),
    ],
)
def test_a_wrong_word_is_refused(client: APIClient, values: dict[str, Any], code: str, attr: str) -> None:
    response = client.post(CONSENT, word(**values))

    assert (response.status_code, errors_of(response)) == (400, {(code, attr)})
    assert not ConsentEvent.objects.exists()


def test_an_address_of_a_correction_is_not_another(client: APIClient) -> None:
    first = client.post(CONSENT, word()).json()

    response = client.patch(f"{CONSENT}/{first['id']}", {"address": "+14165551234"})

    assert errors_of(response) == {("unknown_field", "address")}


def test_the_ledger_is_read_by_address_in_any_spelling(client: APIClient) -> None:
    client.post(CONSENT, word())
    client.post(CONSENT, word(channel="email", address="jane@example.com"))

    found = client.get(CONSENT, {"address": "519.555.0142"}).json()["results"]

    assert [each["address"] for each in found] == [PHONE]


def test_a_correction_overturns_no_later_stop(client: APIClient) -> None:
    first = client.post(CONSENT, word(purpose="all", occurred_at="2025-01-10T12:00:00Z")).json()
    client.post(CONSENT, word(purpose="all", status="opt_out", occurred_at="2025-03-10T12:00:00Z"))

    corrected = client.patch(f"{CONSENT}/{first['id']}", {"wording": "Yes, please"}).json()

    assert (corrected["status"], corrected["occurred_at"]) == ("opt_in", "2025-01-10T12:00:00Z")
    assert not allowed("sms", PHONE, "transactional").allowed
    assert Suppression.objects.in_force().filter(address=PHONE).exists()
