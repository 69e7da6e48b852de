from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.rendering.problems import TemplateProblem
from communications.rendering.sms import compile_sms, cost, measure

UC1 = (
    "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. "
    "Address: {{address}}. Reply CONFIRM or CANCEL."
)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("“", "UCS-2", 1),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        (FAMILY * 7, "UCS-2", 2),
        ("a" * 152 + "€" + "b" * 20, "GSM-7", 2),
        ("a" * 152 + "€" + "b" * 152, "GSM-7", 3),
        ("a" * 152 + "€" + "b" * 151, "GSM-7", 2),
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("ж" * 134, "UCS-2", 2),
        ("ж" * 66 + "😀" + "ж" * 66, "UCS-2", 3),
        ("ж" * 66 + "😀" + "ж" * 65, "UCS-2", 2),
        ("", "GSM-7", 0),
        ("\n\r\f[]{}~^|\\", "GSM-7", 1),
        ("`", "UCS-2", 1),
        ("ç", "UCS-2", 1),
        ("Ç", "GSM-7", 1),
    ],
)
def test_segments_are_the_carriers(text, encoding, segments):
    measured = measure(text)
    assert (measured.encoding, measured.segments) == (encoding, segments)


def test_a_family_is_seven_code_points_and_eleven_units():
    assert (measure(FAMILY).characters, measure(FAMILY).units) == (7, 11)


def test_the_character_that_forces_ucs2_is_named():
    assert measure("That’s “fine”").offending == "’"
    assert measure('That\'s "fine"').offending is None


def _packed(text: str) -> tuple[int, int]:
    """Units and segments by packing one character after the other, as a phone would."""
    gsm = measure(text).encoding == "GSM-7"
    single, several = (160, 153) if gsm else (70, 67)
    sizes = [(2 if c in "\f^{}\\[~]|€" else 1) if gsm else (2 if ord(c) > 0xFFFF else 1) for c in text]
    if sum(sizes) <= single:
        return sum(sizes), int(bool(text))
    segments, room = 0, 0
    for size in sizes:
        if size > room:
            segments, room = segments + 1, several
        room -= size
    return sum(sizes), segments


@given(st.text(st.sampled_from("ab€[\n"), max_size=700) | st.text(st.sampled_from("aж€😀"), max_size=400) | st.text())
def test_counting_agrees_with_packing_character_by_character(text):
    measured = measure(text)
    assert (measured.units, measured.segments) == _packed(text)
    assert measured.units <= max(measured.capacity, 1)


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_longer_text_never_takes_fewer_segments(text, more):
    assert measure(text + more).segments >= measure(text).segments


def test_the_sample_template_is_counted_with_sample_values():
    compiled = compile_sms(
        {"message": UC1, "characterCount": 3, "segmentCount": 9, "encoding": "UCS-2", "variables": ["x"]}
    )
    assert compiled == {
        "message": UC1,
        "maxLength": 160,
        "encoding": "GSM-7",
        "variables": ["firstName", "serviceType", "date", "time", "address"],
        "characterCount": 142,
        "segmentCount": 1,
    }


def test_keys_we_do_not_know_are_kept():
    schema = {"message": "Hello", "allowReplies": True, "keywordResponses": {"C": "Thanks"}}
    assert compile_sms(schema) | schema == compile_sms(schema)


def test_a_variable_without_a_sample_counts_by_its_name_and_a_path_is_followed():
    assert compile_sms({"message": "{{ code }} {{ order.total }} {{ order.id }}"})["characterCount"] == len(
        "code $281.37 id"
    )


def test_a_template_that_wants_lists_is_counted_by_its_own_text():
    assert compile_sms({"message": "Due: {{ 7 | divided_by: parts }}"})["characterCount"] == len("Due: ")


def test_a_long_template_is_worth_its_segments():
    compiled = compile_sms({"message": "a" * 200})
    assert (compiled["segmentCount"], compiled["maxLength"]) == (2, 306)


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({}, "message"),
        ({"message": None}, "message"),
        ({"message": 7}, "message"),
        ({"message": "  "}, "message"),
        ({"message": "Hi {{ name"}, "message"),
        ({"message": "{% if x %}"}, "message"),
        ({"message": "a" * 1601}, "message"),
        ([], "template_schema"),
        (None, "template_schema"),
    ],
)
def test_a_broken_schema_names_its_field(schema, field):
    with pytest.raises(TemplateProblem) as caught:
        compile_sms(schema)
    assert caught.value.field == field


def test_a_syntax_error_keeps_its_place():
    with pytest.raises(TemplateProblem) as caught:
        compile_sms({"message": "Hi,\nyour {{ x | nothing }}"})
    assert (caught.value.line, caught.value.column) == (2, 13)


def test_cost_is_exact_and_by_country():
    rates = {"CA": "0.0079", "default": 0.05}
    assert cost(3, "ca", rates) == Decimal("0.0237")
    assert cost(2, "FR", rates) == Decimal("0.10")
    assert cost(0, "CA", rates) == 0
    with pytest.raises(LookupError, match="FR"):
        cost(1, "FR", {"CA": "0.0079"})
