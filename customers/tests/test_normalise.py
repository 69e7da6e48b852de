import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.identity.normalise import InvalidAddress, mask, normalise, time_zone_of, twin_kinds

KINDS = ("email", "phone", "whatsapp", "social", "chat")


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [
        ("John.Smith@Example.COM", "john.smith@example.com"),
        ("  jane@huronhome.ca\n", "jane@huronhome.ca"),
        ("anna@Bücher.de", "anna@xn--bcher-kva.de"),
        ("anna@xn--bcher-kva.de", "anna@xn--bcher-kva.de"),
        ("ÉMILIE@exemple.fr", "émilie@exemple.fr"),
        ("demo@shop.test", "demo@shop.test"),
        ("demo@Nobody.INVALID", "demo@nobody.invalid"),
        ("sales+tag@example.org", "sales+tag@example.org"),
    ],
)
def test_an_email_is_lower_case_with_its_domain_in_ascii(given_value, stored):
    assert normalise("email", given_value) == stored


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "john",
        "john@",
        "@example.com",
        "a@b",
        "a@test",
        "a b@example.com",
        "a@exa mple.com",
        "John <a@b.ca>",
        "a@b.ca, c@d.ca",
        "a@[127.0.0.1]",
        '"a b"@example.com',
        "a@b.ca\x00",
        "a\r\nBcc: x@y.ca",
        "x" * 250 + "@a.ca",
    ],
)
def test_what_is_no_email_is_refused_with_a_code(value):
    with pytest.raises(InvalidAddress) as caught:
        normalise("email", value)
    assert (caught.value.code, caught.value.kind) == ("invalid_email", "email")
    assert str(caught.value)[0].isupper()


@pytest.mark.parametrize(
    ("given_value", "region", "stored"),
    [
        ("+1-416-555-1234", "CA", "+14165551234"),
        ("(416) 555-7890", "CA", "+14165557890"),
        ("416.555.0123", "US", "+14165550123"),
        ("tel:+1-416-555-0123", "CA", "+14165550123"),
        ("+1 416 555 0123 ext. 7", "CA", "+14165550123"),
        ("+1 500 555 0006", "CA", "+15005550006"),
        ("030 123456", "DE", "+4930123456"),
        ("0011 44 20 7946 0958", "AU", "+442079460958"),
        ("+39 06 698 12345", "CA", "+390669812345"),
    ],
)
def test_a_phone_becomes_e164(given_value, region, stored):
    assert normalise("phone", given_value, region=region) == stored


@pytest.mark.parametrize(
    "value",
    [
        "12345",
        "call me",
        "room 4, then 416 555 1234",
        "1-800-HURON-HELP",
        "+1",
        "+999 123 456 789",
        "whatsapp:+14165551234",
        "+1416555012",
        "4165551234\x00",
        "4" * 70,
        "+1 111 111 1111",
    ],
)
def test_what_is_no_phone_is_refused_with_a_code(value):
    with pytest.raises(InvalidAddress) as caught:
        normalise("phone", value)
    assert caught.value.code == "invalid_phone"


@pytest.mark.parametrize("value", ["whatsapp:+14165551234", "WhatsApp: +1 416 555 1234", "+1 416-555-1234"])
def test_a_whatsapp_address_is_the_number_behind_it(value):
    assert normalise("whatsapp", value) == normalise("phone", "+14165551234")


def test_a_broken_whatsapp_address_says_whatsapp():
    with pytest.raises(InvalidAddress) as caught:
        normalise("whatsapp", "whatsapp:nobody")
    assert caught.value.code == "invalid_whatsapp"


@pytest.mark.parametrize("kind", ["social", "chat"])
def test_a_handle_is_kept_as_it_is_but_for_blanks_around_it(kind):
    assert normalise(kind, "  JaneDoe_42 ") == "JaneDoe_42"
    assert normalise(kind, "x" * 255) == "x" * 255
    for value in ("", "  ", "x" * 256, "a\x00b", "y" * 254 + "\x07"):
        with pytest.raises(InvalidAddress):
            normalise(kind, value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 14165551234, b"a@b.ca", ["a@b.ca"]])
def test_only_text_can_be_an_address(kind, value):
    with pytest.raises(InvalidAddress):
        normalise(kind, value)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InvalidAddress) as caught:
        normalise("pigeon", "grey one")
    assert caught.value.code == "invalid_kind"


@given(kind=st.sampled_from(KINDS), value=st.text(max_size=300))
def test_any_text_gives_an_address_or_a_refusal(kind, value):
    try:
        stored = normalise(kind, value)
    except InvalidAddress:
        return
    assert normalise(kind, stored) == stored


@given(
    local=st.text(st.sampled_from("abcXYZ019._+-éÉßİ"), min_size=1, max_size=12),
    domain=st.sampled_from(["Example.COM", "BÜCHER.de", "shop.test", "a.Invalid", "straße.de"]),
)
def test_a_normalised_email_normalises_to_itself(local, domain):
    try:
        stored = normalise("email", f"{local}@{domain}")
    except InvalidAddress:
        return
    assert normalise("email", stored) == stored
    assert stored == stored.lower()


@given(number=st.integers(min_value=2_000_000_000, max_value=9_999_999_999))
def test_a_normalised_phone_normalises_to_itself_in_any_region(number):
    try:
        stored = normalise("phone", str(number))
    except InvalidAddress:
        return
    assert normalise("phone", stored, region="DE") == stored == f"+1{number}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+14165550123", "***0123"),
        ("whatsapp:+14165550123", "***0123"),
        ("john.smith@example.com", "j***@example.com"),
        ("@example.com", "***@example.com"),
        ("JaneDoe_42", "***"),
        ("@janedoe", "***"),
        ("", "***"),
    ],
)
def test_a_masked_address_shows_enough_to_recognise_and_no_more(value, shown):
    assert mask(value) == shown


@given(st.text(max_size=80))
def test_masking_never_fails(value):
    assert "***" in mask(value)


def test_whatsapp_and_phone_are_twins_and_nothing_else_is():
    assert twin_kinds("whatsapp") == ("whatsapp", "phone")
    assert twin_kinds("phone") == ("phone", "whatsapp")
    assert twin_kinds("email") == ("email",)


def test_a_number_tells_its_time_zone_only_when_there_is_one():
    assert time_zone_of("+14165551234") == "America/Toronto"
    assert time_zone_of("+4930123456") == "Europe/Berlin"
    assert time_zone_of("+18005551234") is None
    assert time_zone_of("+441632960123") is None
    assert time_zone_of("nonsense") is None
