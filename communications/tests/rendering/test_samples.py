"""Samples stand in for whatever a template may want: a word, an address, a property, a list."""

import pytest

from communications.rendering.liquid import MissingVariables, compile_template
from communications.rendering.samples import Specimen, planted, sample_text, samples_of


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ firstName }} {{ nickname }}", "John nickname"),
        ("{{ order.total }} {{ order.lines[0].name }}", "$281.37 name"),
        ("{% for line in order.lines %}{{ line.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "name, name"),
        ("{{ payUrl }} {{ order.link }}", "https://example.com/payUrl https://example.com/link"),
        ("{{ trackingUrl }}", "https://preview.invalid/t"),
        ("{{ names | join: ' and ' }} {{ names.size }} {{ names.first }}", "names and names 2 names"),
        ("{{ date | date: '%Y-%m-%d' }}", "2025-11-15"),
        ('{% if tier == "tier" %}same{% endif %}', "same"),
        ("Hi{% if visits < 2 %}!{% endif %}", "Hi"),
    ],
)  # fmt: skip
def test_a_template_is_filled(source: str, text: str) -> None:
    assert sample_text(compile_template(source)) == text


def test_a_specimen_is_a_list_of_two_and_no_more() -> None:
    assert [str(each) for each in Specimen("line")] == ["line", "line"]
    with pytest.raises(IndexError):
        Specimen("line")[2]
    assert {Specimen("a"): 1}[Specimen("a")] == 1


def test_a_name_that_begins_a_link_is_an_address() -> None:
    assert str(samples_of(["goal.x", "goal.y"], addresses={"goal"})["goal"]) == "https://example.com/goal"


def test_a_sample_is_planted_where_there_is_room_and_changes_nothing_given() -> None:
    given = {"order": {"id": "7"}, "name": "Zoë"}

    assert str(planted(given, "order.total")["order"]["total"]) == "$281.37"
    assert planted(given, "name.first") == given
    assert given == {"order": {"id": "7"}, "name": "Zoë"}


def test_a_message_is_never_sent_with_samples() -> None:
    with pytest.raises(MissingVariables):
        compile_template("{{ firstName }}").render({})
