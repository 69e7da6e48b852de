from typing import Any

import pytest

from communications.rendering.problems import TemplateProblem
from communications.rendering.push import compile_push

# as it stands in source 000
SOURCE_000: dict[str, Any] = {
    "title": "New Message",
    "body": "{{senderName}}: {{messagePreview}}",
    "icon": "https://huronhome.ca/icon.png",
    "badge": 1,
    "sound": "default",
    "clickAction": "OPEN_CONVERSATION",
    "data": {"conversationId": "{{conversationId}}", "senderId": "{{senderId}}"},
    "actions": [{"action": "reply", "title": "Reply"}, {"action": "dismiss", "title": "Dismiss"}],
}


def test_the_example_of_the_requirements_is_accepted_as_it_stands() -> None:
    made = compile_push({**SOURCE_000, "variables": ["nothing"]})

    assert made == {**SOURCE_000, "variables": ["senderName", "messagePreview", "conversationId", "senderId"]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"body": None}, "body"),
        ({"body": "{{ x"}, "body"),
        ({"icon": "http://x.ca/i.png"}, "icon"),
        ({"image": "javascript:x"}, "image"),
        ({"badge": -1}, "badge"),
        ({"badge": "1"}, "badge"),
        ({"data": []}, "data"),
        ({"data": {"id": 7}}, "data.id"),
        ({"data": {"id": "{% if %}"}}, "data.id"),
        ({"actions": [{"action": "a", "title": "A"}] * 4}, "actions"),
        ({"actions": [{"action": "a"}]}, "actions[0].title"),
        ({"actions": ["a"]}, "actions[0]"),
        ({"actions": [{"action": "a", "title": "A", "url": "x"}]}, "actions[0].url"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_value_out_of_shape_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(TemplateProblem) as problem:
        compile_push({**SOURCE_000, **change})

    assert problem.value.field == field


def test_a_push_template_is_an_object() -> None:
    with pytest.raises(TemplateProblem):
        compile_push([])  # type: ignore[arg-type]
