"""WhatsApp texts: free ones, and approved ones whose variables are parameters in order."""

from typing import Any

import pytest

from communications.rendering.liquid import compile_template
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.whatsapp import compile_whatsapp, render_whatsapp

APPROVED = "HX0123456789abcdef0123456789abcdef"
REMINDER = 'Hi {{ firstName | default: "there" }}, your {{serviceType}} is on {{date}}. Reply CONFIRM.'


def test_an_approved_text_tells_what_has_to_stand_at_the_provider() -> None:
    made = compile_whatsapp({"message": REMINDER, "variables": ["nothing"], "footer": "kept"}, template_id=APPROVED)

    assert made["approvedText"] == "Hi {{1}}, your {{2}} is on {{3}}. Reply CONFIRM."
    assert made["parameters"] == ["firstName | default: 'there'", "serviceType", "date"]
    assert made["variables"] == ["firstName", "serviceType", "date"]
    assert (made["footer"], made["message"]) == ("kept", REMINDER)


def test_a_free_text_has_no_parameters_and_may_hold_conditions() -> None:
    before = compile_whatsapp({"message": REMINDER}, template_id=APPROVED)

    made = compile_whatsapp({**before, "message": "{{ firstName }}{% if late %}, we are late{% endif %}"})

    assert made == {
        "message": "{{ firstName }}{% if late %}, we are late{% endif %}",
        "characterCount": len("John, we are late"),
        "variables": ["firstName", "late"],
    }


def test_parameters_travel_in_order_without_line_breaks() -> None:
    values = {"serviceType": "HVAC\n\tMaintenance    now", "date": "Nov 15, 2025"}

    message = render_whatsapp(compile_template(REMINDER), values, template_id=APPROVED)

    assert message.parameters == ("there", "HVAC Maintenance now", "Nov 15, 2025")
    assert message.text == "Hi there, your HVAC Maintenance now is on Nov 15, 2025. Reply CONFIRM."


def test_a_free_text_keeps_its_lines() -> None:
    message = render_whatsapp(compile_template("Hi\n{{ x }}"), {"x": "a\nb"})

    assert (message.text, message.parameters) == ("Hi\na\nb", ())


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MissingVariables) as error:
        render_whatsapp(compile_template(REMINDER), {}, template_id=APPROVED)

    assert error.value.names == ("serviceType", "date")


@pytest.mark.parametrize(
    ("schema", "template_id", "field", "column"),
    [
        ([], "", "template_schema", 1),
        ({}, "", "message", 1),
        ({"message": " "}, "", "message", 1),
        ({"message": "Hi {{ x"}, "", "message", 4),
        ({"message": "x" * 4097}, "", "message", 1),
        ({"message": "x" * 1025}, APPROVED, "message", 1),
        ({"message": "Hello"}, "HX 1", "whatsapp_template_id", 1),
        ({"message": "{{ a }} hello"}, APPROVED, "message", 1),
        ({"message": "Hello {{ a }}"}, APPROVED, "message", 7),
        ({"message": "Hello {{ a }} {{ b }}."}, APPROVED, "message", 15),
        ({"message": "Hello {% if a %}you{% endif %}!"}, APPROVED, "message", 10),
        ({"message": "a" + "{{ x }}a" * 101}, APPROVED, "message", 802),
    ],
)
def test_what_whatsapp_would_not_take_is_told_with_its_place(
    schema: Any, template_id: str, field: str, column: int
) -> None:
    with pytest.raises(TemplateProblem) as problem:
        compile_whatsapp(schema, template_id=template_id)

    assert (problem.value.field, problem.value.line, problem.value.column) == (field, 1, column)


@pytest.mark.parametrize("value", ["x" * 1025, "\n "])
def test_a_value_that_does_not_fit_is_refused(value: str) -> None:
    source = "Hello {{ x | strip }}!" if value.isspace() else "Hello {{ x }}!"
    with pytest.raises((TemplateProblem, MissingVariables)):
        render_whatsapp(compile_template(source), {"x": value}, template_id=APPROVED)


def test_a_parameter_that_comes_out_empty_is_told_by_its_expression() -> None:
    with pytest.raises(TemplateProblem, match="remove"):
        render_whatsapp(compile_template('Hi {{ x | remove: "a" }}!'), {"x": "aa"}, template_id=APPROVED)
