"""What goes over SendGrid's wire, without the wire."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.providers.base import Attachment, EmailTemplate, OutboundMessage, Outcome
from communications.providers.mail import File, read_files, whole
from communications.providers.sendgrid import calls
from communications.providers.sendgrid.calls import Call, Refused, plan
from communications.tests.providers.mails import SENDER, mail, mails, read, slots, template

# letters that tags are made of, so that chance comes near them; and what HTML, JSON and people bring
TEXTS = st.text(alphabet=st.sampled_from("-sht0123456789abcdef {}%<>&\"\\'\n\té€😀"), max_size=12)


def planned(batch: Sequence[OutboundMessage], *, most: int = 1_000) -> list[Call | Refused]:
    files: dict[EmailTemplate, Any] = {m.template: [] for m in batch if m.template}
    return list(plan(batch, files, most=most))


def payloads(batch: Sequence[OutboundMessage], *, most: int = 1_000) -> list[Any]:
    made = planned(batch, most=most)
    assert [each for each in made if isinstance(each, Refused)] == []
    return [json.loads(call.body()) for call in made if isinstance(call, Call)]


def sizes(made: Sequence[Any]) -> list[int]:
    return [len(payload["personalizations"]) for payload in made]


@st.composite
def batches(draw: Any) -> list[OutboundMessage]:
    parts = {name: draw(st.lists(TEXTS, min_size=1, max_size=5)) for name in ("subject", "html", "text")}
    written = template(**{name: tuple(pieces) for name, pieces in parts.items()})
    own = {name: st.lists(TEXTS, min_size=len(pieces) - 1, max_size=len(pieces) - 1) for name, pieces in parts.items()}
    people = draw(st.lists(st.fixed_dictionaries(own), min_size=1, max_size=4))
    return mails(written, [slots(**values) for values in people])


@settings(max_examples=500, deadline=None)
@given(batches())
def test_everybody_reads_in_a_call_of_many_what_he_would_read_alone(batch: list[OutboundMessage]) -> None:
    persons = {
        person["custom_args"]["m"]: read(payload, person)
        for payload in payloads(batch)
        for person in payload["personalizations"]
    }

    assert persons == {str(m.reference): whole(m.template, m.slots) for m in batch if m.template and m.slots}


def test_a_call_says_once_what_all_share_and_of_each_person_only_what_is_theirs() -> None:
    shared = template(sender_name="Huron, Home; Heating", reply_to="office@huronhome.example")
    headers = {"List-Unsubscribe": "<https://rapport.test/u/1>", "Message-ID": "<1@huronhome.example>"}
    john = mail(shared, slots(headers=headers), recipient_name="Smith, John; Dr.")
    jane = mail(shared, slots("Jane"), recipient="jane@example.com")

    [payload] = payloads([john, jane])

    assert payload["from"] == {"email": SENDER, "name": "Huron Home Heating"}
    assert payload["reply_to"] == {"email": "office@huronhome.example"}
    assert [part["type"] for part in payload["content"]] == ["text/plain", "text/html"]
    assert {tracking["enable"] for tracking in payload["tracking_settings"].values()} == {False}
    first, second = payload["personalizations"]
    assert first["to"] == [{"email": "john@example.com", "name": "Smith John Dr."}]
    assert second["to"] == [{"email": "jane@example.com"}]
    assert (first["headers"], "headers" in second) == (headers, False)
    assert first["custom_args"] == {"m": str(john.reference)}


def test_each_template_and_each_sender_has_calls_of_its_own() -> None:
    one, other = template(), template()
    batch = [mail(one, slots(), recipient=f"{n}@example.com") for n in range(3)]
    batch += [mail(other, slots(), recipient=f"{n}@example.com") for n in range(2)]
    batch += [mail(one, slots(), sender="office@huronhome.example")]

    assert sizes(payloads(batch)) == [3, 2, 1]


def test_no_call_carries_more_than_it_may() -> None:
    assert sizes(payloads(mails(template(), [slots()] * 25), most=10)) == [10, 10, 5]


def test_an_address_stands_once_in_a_call_however_it_is_written() -> None:
    shared = template()
    written = ["john@example.com", "John@Example.com", "jane@example.com", "JOHN@example.com"]

    made = payloads([mail(shared, slots(), recipient=address) for address in written])

    assert [[p["to"][0]["email"] for p in payload["personalizations"]] for payload in made] == [
        ["john@example.com", "jane@example.com"],
        ["John@Example.com"],
        ["JOHN@example.com"],
    ]


def test_who_has_too_much_for_substitutions_goes_alone_and_whole() -> None:
    batch = mails(template(), [slots(), slots("€" * 3_000), slots("Jane")])

    together, alone = payloads(batch)

    assert sizes([together, alone]) == [2, 1]
    assert "substitutions" not in alone["personalizations"][0]
    assert alone["subject"] == "Your visit, " + "€" * 3_000


def test_with_more_slots_than_tags_everybody_goes_alone() -> None:
    many = template(html=tuple("<br>" for _ in range(102)))
    own = [slots(html=[f"{person}.{n}" for n in range(101)]) for person in range(3)]

    assert sizes(payloads(mails(many, own))) == [1, 1, 1]


def test_slots_that_say_the_same_for_everybody_share_a_tag() -> None:
    many = template(html=tuple("<br>" for _ in range(202)))
    own = [slots(html=[f"Person {person}"] * 201) for person in range(3)]

    [payload] = payloads(mails(many, own))

    assert {len(person["substitutions"]) for person in payload["personalizations"]} == {4}


def test_a_tag_that_stands_in_somebodys_words_is_drawn_again() -> None:
    batch = mails(template(), [slots("-s0011aabbccdd0-"), slots("Jane")])

    with patch.object(calls.secrets, "token_hex", side_effect=["0011aabbccdd", "ffffffffffff"]):
        [payload] = payloads(batch)

    assert read(payload, payload["personalizations"][0]).subject == "Your visit, -s0011aabbccdd0-"
    assert "ffffffffffff" in payload["subject"]


def test_the_files_of_a_version_go_with_every_call(media: None) -> None:
    key = default_storage.save("map.png", ContentFile(b"\x89PNG"))
    shared = template(attachments=(Attachment(key=key, name="map.png", content_type="image/png"),))

    made = [json.loads(call.body()) for call in plan(mails(shared, [slots()] * 3), read_files([shared]), most=2)]  # type: ignore[union-attr]

    expected = [{"content": "iVBORw==", "filename": "map.png", "type": "image/png"}]
    assert [payload["attachments"] for payload in made] == [expected, expected]


@pytest.fixture
def media(settings: Any, tmp_path: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}},
    }


def test_a_file_that_is_gone_refuses_its_own_template_only(media: None) -> None:
    broken, fine = template(attachments=(Attachment(key="gone.pdf", name="gone.pdf"),)), template()
    batch = [mail(broken, slots()), mail(fine, slots())]

    made = list(plan(batch, read_files([broken, fine]), most=10))

    [refused] = [each for each in made if isinstance(each, Refused)]
    assert (refused.reference, refused.outcome, refused.code) == (batch[0].reference, Outcome.REJECTED, "attachment")
    assert len(made) == 2


def test_storage_that_is_away_is_asked_again_later(monkeypatch: Any) -> None:
    def fail(key: str) -> None:
        raise OSError("no route to the bucket")

    monkeypatch.setattr(default_storage, "open", fail, raising=False)
    shared = template(attachments=(Attachment(key="map.png", name="map.png"),))

    [refused] = plan([mail(shared, slots())], read_files([shared]), most=10)

    assert isinstance(refused, Refused)
    assert (refused.outcome, refused.detail) == (Outcome.RETRY, "Storage: OSError")


def test_a_mail_that_is_too_large_is_refused_before_it_is_sent() -> None:
    shared, small = template(), template()
    batch = [mail(shared, slots()), mail(small, slots())]
    files = {shared: [File(name="film", content_type="video/mp4", content=bytes(24_000_000))], small: []}

    made = list(plan(batch, files, most=10))

    assert [type(each) for each in made] == [Refused, Call]
    assert made[0].code == "too_large"  # type: ignore[union-attr]


def test_persons_are_counted_into_calls_by_their_bytes_too(monkeypatch: Any) -> None:
    monkeypatch.setattr(calls, "MOST_BYTES", 20_000)
    batch = mails(template(), [slots("x" * 1_800) for _ in range(9)])

    made = planned(batch)

    assert {type(each) for each in made} == {Call}
    assert max(len(each.body()) for each in made if isinstance(each, Call)) < 20_100
    assert len(made) > 1


@pytest.mark.parametrize(
    "message",
    [
        replace(mail(template(), slots()), template=None),
        replace(mail(template(), slots()), slots=None),
        mail(template(), slots(html=["one of two"])),
    ],
)
def test_slots_that_do_not_fit_the_template_are_never_sent(message: OutboundMessage) -> None:
    [refused] = planned([message])

    assert isinstance(refused, Refused)
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "no_template")


def test_a_line_break_begins_no_header() -> None:
    own = slots("John\r\nBcc: all@example.com", headers={"X-Visit": "1\nBcc: all@example.com"})
    alone = mail(template(), own, recipient_name="John\nSmith")

    [payload] = payloads([alone])
    [both] = payloads(mails(template(), [own, slots()]))

    assert payload["subject"] == "Your visit, John  Bcc: all@example.com"
    assert payload["personalizations"][0]["headers"] == {"X-Visit": "1 Bcc: all@example.com"}
    assert payload["personalizations"][0]["to"][0]["name"] == "John Smith"
    assert read(both, both["personalizations"][0]).subject == payload["subject"]


def test_half_of_a_surrogate_pair_harms_nobody() -> None:
    [payload] = payloads(mails(template(), [slots("\ud83d"), slots("Jane")]))

    assert read(payload, payload["personalizations"][0]).subject == "Your visit, ?"


def test_what_is_empty_is_no_part_of_a_mail() -> None:
    [payload] = payloads([mail(template(text=("",)), slots(text=[]))])

    assert [part["type"] for part in payload["content"]] == ["text/html"]
