"""E-mails as people get them: a page of tables with everything inline, a text part, and no hole."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from communications.rendering.email import CompiledEmail, compile_email, render_email
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.tests.rendering.emails import SOURCE_000, VISIT, VISIT_VALUES, button, html, of, text

ORDER = {"firstName": "Zoë", "orderNumber": "ORD-1"}


def rendered(schema: dict[str, Any], **values: Any) -> str:
    return render_email(compile_email(schema), values).html


class Page(HTMLParser):
    """Tags with their attributes, and the balance of the tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("table", "tr", "td", "div"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "tr", "td", "div"):
            assert self.open.pop() == tag

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_example_of_the_requirements_is_accepted_as_it_stands() -> None:
    compiled = compile_email(SOURCE_000, subject="Order {{orderNumber}}", preview_text="For {{ city }}")

    email = render_email(compiled, {**ORDER, "city": "London"})

    assert compiled.variables == ["orderNumber", "city", "firstName"]
    assert email.subject == "Order ORD-1"
    assert "Hello Zoë," in email.html and "For London" in email.html
    assert 'href="https://huronhome.ca/orders/ORD-1"' in email.html
    assert email.text == (
        "Hello Zoë,\n\nYour order ORD-1 has been shipped!\n\nTrack Order: https://huronhome.ca/orders/ORD-1\n"
    )


def test_styles_and_global_styles_are_inline() -> None:
    page = rendered(SOURCE_000, **ORDER)

    assert "background-color:#f8f9fa" in page and "max-width:600px" in page
    assert "font-family:Arial, sans-serif" in page.replace("family: ", "family:")
    assert re.search(r"font-size: ?18px[^>]*font-weight: ?bold", page)
    assert re.search(r'<a href="[^"]*" target="_blank" style="[^"]*background: ?#007bff[^"]*color: ?#ffffff', page)
    assert re.search(r"font-size: ?16px[^>]*color: ?#333333", page)


def test_a_page_is_balanced_tables_for_outlook_and_phones() -> None:
    page = rendered(VISIT, **VISIT_VALUES)

    read = Page(page)
    assert read.open == [] and len(read.all("table")) > 5
    assert all(table.get("role") == "presentation" for table in read.all("table") if "cellpadding" in table)
    assert "<!--[if mso | IE]>" in page and "@media only screen and (min-width:480px)" in page
    assert not re.findall(r"[lp]\d+q\d{5}", page)


def test_every_type_of_block_is_shown_and_told() -> None:
    email = render_email(compile_email(VISIT), VISIT_VALUES)

    for part in (email.html, email.text):
        for shown in ("Your visit is booked", "Hello Zoë,", "Welcome", "Our van", "When", "123 Main St", "Filter"):
            assert shown in part
    assert re.search(r"<h1 style=[^>]*>Your visit is booked</h1>", email.html)
    assert "Confirm: https://huronhome.ca/confirm?x=1&y=2" in email.text
    assert "Labour &lt; 1 h" in email.html and "Labour < 1 h" in email.text
    assert "Facebook: https://facebook.com/huronhome?a=1&b=2" in email.text
    assert 'href="https://facebook.com/huronhome?a=1&amp;b=2"' in email.html
    assert 'height="16"' in email.html or "height:16px" in email.html.replace(" ", "")


def test_a_loop_over_table_rows_stays_between_the_rows() -> None:
    page = rendered(VISIT, **VISIT_VALUES)

    assert len(re.findall(r"<tr><td[^>]*>(?:Filter|Labour &lt; 1 h)</td></tr>", page)) == 2


@pytest.mark.parametrize("schema", [SOURCE_000, VISIT])
def test_starter_designs_are_not_clipped_and_ask_nothing_of_other_hosts(schema: dict[str, Any]) -> None:
    page = compile_email(schema).html

    assert len(page.encode()) < 102_000
    assert not re.findall(r"fonts\.googleapis|mailjet|<link|@import|<script|url\(", page)
    assert {image["src"] for image in Page(page).all("img")} <= {"https://huronhome.ca/van.png"}


@pytest.mark.parametrize(
    "liquid",
    [
        "{% if visits < 5 %}yes{% endif %}",
        "{% if visits > 0 and name != 'x' %}yes{% endif %}",
        "{% for n in (1..3) %}{% if n <= 1 %}yes{% endif %}{% endfor %}",
        "{{ name | default: 'it & that' | replace: '&', 'and' | append: '>' | size | minus: 3 | prepend: 'yes' }}",
        "{% assign a = 1 %}{% if a == 1 %}yes{% endif %}",
        "{% comment %} < & > {% endcomment %}yes",
    ],
)
def test_liquid_comes_through_unchanged(liquid: str) -> None:
    schema = of(text(liquid), html(f"<p>{liquid}</p>"), button(f"https://example.com/{liquid}"))

    email = render_email(compile_email(schema, subject=liquid, preview_text=liquid), {"visits": 1, "name": "Ann"})

    assert "yes" in email.subject and email.html.count("yes") == 4 and email.text.count("yes") == 3


def test_values_are_escaped_in_the_page_and_nowhere_else() -> None:
    schema = of(text("{{ name }}"), button("https://example.com/{{ name }}"))

    email = render_email(compile_email(schema, subject="For\n{{ name }}"), {"name": "<script>\"'&\r\nBcc: x"})

    assert "<script>" not in email.html and "&lt;script&gt;&#34;&#39;&amp;" in email.html
    assert email.subject == "For <script>\"'& Bcc: x"
    assert "<script>\"'&" in email.text
    assert not [tag for tag, _ in Page(email.html).tags if tag == "script"]


def test_what_is_missing_is_named_for_all_parts_together() -> None:
    compiled = compile_email(SOURCE_000, subject="{{ total }}")

    with pytest.raises(MissingVariables) as missing:
        render_email(compiled, {})

    assert missing.value.names == ("total", "firstName", "orderNumber")


@pytest.mark.parametrize("link", ["javascript:alert(1)", " javascript:x", "data:text/html,x", "//evil.example", "/x"])
@pytest.mark.parametrize(
    "block", [button("{{ link }}"), html('<a href="{{ link }}">x</a>'), text('<a href="{{link}}">x</a>')]
)
def test_a_variable_cannot_bring_an_address_of_another_scheme(block: dict[str, Any], link: str) -> None:
    compiled = compile_email(of(block))

    with pytest.raises(TemplateProblem) as problem:
        render_email(compiled, {"link": link})

    assert problem.value.field == "blocks"
    assert 'href="https://example.com/x"' in render_email(compiled, {"link": "https://example.com/x"}).html


def test_line_breaks_and_little_tags_of_a_text_are_kept() -> None:
    page = render_email(compile_email(of(text('a\nb\r\n<b>c</b> 5 < 6 & x <y <a href="mailto:a@b.ca">d</a>'))), {})

    assert "a<br>b<br><b>c</b> 5 &lt; 6 &amp; x &lt;y" in page.html
    assert page.text == "a\nb\nc 5 < 6 & x <y [d](mailto:a@b.ca)\n"


def test_an_html_block_loses_what_is_not_on_the_list() -> None:
    bad = (
        "<p onclick=x() style='color:red;position:fixed'>Hi</p><script>alert(1)</script><style>p{}</style>"
        "<a href='javascript:alert(1)'>x</a><svg onload=x()></svg><iframe src=//x></iframe><form><input></form>"
        "<!-- [if mso]><script>x</script><![endif] -->"
    )

    page = rendered(of(html(bad)))

    body = page.partition("<body")[2]
    assert re.search(r'<p style="[^"]*color: ?red', body)
    assert not re.findall(r"<script|onclick|position|svg|iframe|<form|<input|onload|alert", body)


def test_a_compiled_email_survives_being_stored_as_json() -> None:
    compiled = compile_email(SOURCE_000, subject="Hello")

    assert CompiledEmail(**compiled.as_json()) == compiled


def test_an_authors_own_text_may_look_like_a_token() -> None:
    assert "l0q00000v p0q00000v Ann" in rendered(of(text("l0q00000v p0q00000v {{ name }}")), name="Ann")
