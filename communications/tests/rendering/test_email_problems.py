"""What is wrong with an e-mail template is told at save, with the field and the place."""

from typing import Any

import pytest

from communications.rendering.email import compile_email
from communications.rendering.problems import TemplateProblem
from communications.tests.rendering.emails import button, html, of, text

COLUMNS = {"type": "columns", "columns": [{"blocks": []}, {"blocks": [button("javascript:x")]}]}


def problem_of(schema: Any, **texts: str) -> TemplateProblem:
    with pytest.raises(TemplateProblem) as problem:
        compile_email(schema, **texts)
    return problem.value


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ([], "template_schema"),
        ({}, "blocks"),
        ({"blocks": []}, "blocks"),
        ({"blocks": [text("a")], "extra": 1}, "extra"),
        (of({}), "blocks[0].type"),
        (of({"type": "video"}), "blocks[0].type"),
        (of(text("a"), text(7)), "blocks[1].content"),
        (of({"type": "text"}), "blocks[0].content"),
        (of(text("a", colour="red")), "blocks[0].styles.colour"),
        (of(text("a", color="red;x:y")), "blocks[0].styles.color"),
        (of(text("a", fontSize="1em")), "blocks[0].styles.fontSize"),
        (of(text("a", fontFamily="x; } a { color:red")), "blocks[0].styles.fontFamily"),
        (of(text("a", backgroundColor="url(https://x)")), "blocks[0].styles.backgroundColor"),
        (of(text("a"), maxWidth="9px"), "globalStyles.maxWidth"),
        (of(text("a"), backgroundColor=7), "globalStyles.backgroundColor"),
        (of({"type": "button", "content": "Go", "properties": {}}), "blocks[0].properties.url"),
        (of({"type": "button", "content": " ", "properties": {"url": "https://x.ca"}}), "blocks[0].content"),
        (of(button("https://x.ca", colour="red")), "blocks[0].properties.colour"),
        (of({"type": "image"}), "blocks[0].content"),
        (of({"type": "image", "content": "mailto:a@b.ca"}), "blocks[0].content"),
        (of({"type": "image", "properties": {"src": "data:x"}}), "blocks[0].properties.src"),
        (of({"type": "spacer", "properties": {"height": 900}}), "blocks[0].properties.height"),
        (
            of({"type": "columns", "columns": [{"blocks": [{"type": "columns"}]}]}),
            "blocks[0].columns[0].blocks[0].type",
        ),
        (of({"type": "social", "properties": {}}), "blocks[0].properties.links"),
        (of(*[text("a")] * 2, text(1), *[text("a")] * 8, text(2)), "blocks[2].content"),
        (of(COLUMNS), "blocks[0].columns[1].blocks[0].properties.url"),
        (
            of({"type": "social", "properties": {"links": [{"platform": "facebook", "url": "ftp://x"}]}}),
            "blocks[0].properties.links[0].url",
        ),
    ],
)
def test_a_value_out_of_shape_is_named(schema: Any, field: str) -> None:
    problem = problem_of(schema)

    assert problem.field == field
    assert problem.message.endswith(".") and len(problem.message) < 300


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:x",
        "java\tscript:x",
        "data:text/html,x",
        "vbscript:x",
        "//x.ca",
        "x",
        "https://[",
    ],
)
def test_an_address_of_another_scheme_is_refused(url: str) -> None:
    assert problem_of(of(text("a"), text("b"), button(url))).field == "blocks[2].properties.url"


@pytest.mark.parametrize("url", ["https://x.ca", "HTTP://x.ca", "mailto:a@b.ca", "tel:+15195550177", "{{ link }}"])
@pytest.mark.parametrize("name", ["url", "href"])
def test_an_address_may_be_called_url_or_href(name: str, url: str) -> None:
    page = compile_email(of({"type": "button", "content": "Go", "properties": {name: url}})).html

    assert f'href="{url}"' in page


@pytest.mark.parametrize(
    ("block", "line", "column"),
    [
        (text("Hello\n{{ name"), 2, 1),
        (text("Hello {{ name | shout }}"), 1, 17),
        (text("{% if x %}"), 1, 4),
        (text("{% raw %}{{<script>}}{% endraw %}"), 1, 1),
        (text("Hi\ud800"), 1, 3),
        (html("Hi\x00"), 1, 3),
        (text("Hi <p>there</p>"), 1, 4),
        (text("Hi\n<script>alert(1)</script>"), 2, 1),
        (text('{{ "<script>" }}'), 1, 4),
        (html("{{ x | default: '<img src=x>' }}"), 1, 17),
        (html("""<a href="https://x.ca/{{ '" onclick="x' }}">x</a>"""), 1, 26),
        (html('{% assign a = "<" %}{{ a }}script>'), 1, 15),
    ],
)
def test_a_mistake_in_a_text_has_its_line_and_column(block: dict[str, Any], line: int, column: int) -> None:
    problem = problem_of(of(block))

    assert (problem.field, problem.line, problem.column) == ("blocks[0].content", line, column)


@pytest.mark.parametrize(
    "content",
    [
        "<script>{{ x }}</script>",
        "<p {{ x }}>a</p>",
        "<{{ x }}>a",
        '<p style="color:{{ x }}">a</p>',
        '<a href="javascript:{{ x }}">a</a>',
        "<p onclick='{{ x }}'>a</p>",
        "<!foo {{ x }}>",
        "<?foo>",
    ],
)
def test_liquid_may_stand_only_where_something_can_be_put_in(content: str) -> None:
    assert problem_of(of(html(content))).field == "blocks[0].content"


def test_subject_and_preview_are_fields_too() -> None:
    assert problem_of(of(text("a")), subject="Hello {{ x").field == "subject"
    assert problem_of(of(text("a")), preview_text="{{ x | shout }}").field == "preview_text"


def test_a_condition_cannot_begin_in_one_block_and_end_in_another() -> None:
    assert problem_of(of(text("{% if a %}x"), text("{% endif %}"))).field == "blocks[0].content"
