"""What changed between two versions, told field by field."""

from communications.models import MessageSchemaVersion
from communications.rendering.differences import diff_versions


def version(**content: object) -> MessageSchemaVersion:
    return MessageSchemaVersion(**content)


def told(before: MessageSchemaVersion, after: MessageSchemaVersion) -> dict[str, list[str]]:
    return {each.field: [line.sign + line.text for line in each.lines] for each in diff_versions(before, after)}


def test_equal_versions_have_no_difference() -> None:
    assert diff_versions(version(subject="Hi"), version(subject="Hi")) == []


def test_each_changed_field_has_its_lines() -> None:
    before = version(subject="Hi", template_schema={"message": "One\ntwo\nthree", "segmentCount": 1}, push_ttl=60)
    after = version(subject="Hello", template_schema={"message": "One\n2\nthree", "segmentCount": 1})

    assert told(before, after) == {
        "subject": ["-Hi", "+Hello"],
        "template_schema": [
            " message:",
            "   One",
            "-  two",
            "+  2",
            "   three",
            " segmentCount: 1",
        ],
        "push_ttl": ["-60"],
    }


def test_blocks_are_an_outline() -> None:
    before = version(template_schema={"blocks": [{"type": "text", "content": "a"}]})
    after = version(template_schema={"blocks": [{"type": "text", "content": "a"}, {"type": "divider"}]})

    assert told(before, after)["template_schema"][-2:] == ["+  2:", "+    type: divider"]


def test_equal_lines_far_from_a_change_are_left_out() -> None:
    lines = [f"line {number}" for number in range(40)]
    before, after = "\n".join(lines), "\n".join(["first", *lines[1:-1], "last"])

    found = told(version(preview_text=before), version(preview_text=after))["preview_text"]

    assert found[:3] == ["-line 0", "+first", " line 1"]
    assert found.count("@") == 1 and len(found) == 11


def test_a_field_is_called_as_its_form_calls_it() -> None:
    changed = diff_versions(version(), version(preview_text="a", template_schema={"message": "b"}))

    assert [each.label for each in changed] == ["Content", "Preview text"]
