"""Links of an e-mail: led past us when the version is made, and back to what their author wrote."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from django.utils.encoding import iri_to_uri
from hypothesis import given
from hypothesis import strategies as st

from communications.actions.schemas import save_schema
from communications.models import TrackedLink
from communications.rendering.email import CompiledEmail, compile_email, render_email
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.tests.rendering.emails import SOURCE_000, VISIT, VISIT_VALUES, button, html, of, text
from communications.tests.tracking.mails import version_of
from communications.tracking import views
from communications.tracking.links import personal_variables

MESSAGE = UUID("0197a3a6-7c4e-7d0a-9f4e-3d2a1b0c9d8e")
UTM = "utm_source=rapport&utm_medium=email&utm_campaign=SALE"


def compiled(*blocks: dict[str, Any], **values: Any) -> CompiledEmail:
    return compile_email(of(*blocks), **{"campaign": "SALE", **values})


def rendered(email: CompiledEmail, **values: Any) -> str:
    return render_email(email, {**values, **personal_variables(MESSAGE)}).html


def hrefs(page: str) -> list[str]:
    return re.findall(r'<a\b[^>]* href="([^"]*)"', page)


def test_each_link_is_a_number_behind_the_persons_own_address(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://rapport.test"
    email = compiled(button("https://huronhome.ca/a"), text('<a href="https://huronhome.ca/b?x=1&y=2">b</a>'))

    base = personal_variables(MESSAGE)["trackingUrl"]
    assert hrefs(rendered(email)) == [f"{base}/c/1", f"{base}/c/2"]
    assert email.links == [f"https://huronhome.ca/a?{UTM}", f"https://huronhome.ca/b?x=1&y=2&{UTM}"]


def test_the_same_target_has_one_number() -> None:
    email = compiled(button("https://a.ca/{{ x }}"), button("https://b.ca"), button("https://a.ca/{{ x }}"))

    assert [href[-4:] for href in hrefs(email.html)] == ["/c/1", "/c/2", "/c/1"]
    assert len(email.links) == 2


def test_every_link_of_every_block_is_found() -> None:
    email = compile_email(VISIT, campaign="SALE")

    assert [href[-4:] for href in hrefs(email.html)] == ["/c/1", "/c/2"]
    assert email.links == ["{{ link }}", f"https://facebook.com/huronhome?a=1&b=2&{UTM}"]
    assert VISIT_VALUES["link"] in render_email(email, {**VISIT_VALUES, **personal_variables(MESSAGE)}).text


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://a.ca", f"https://a.ca?{UTM}"),
        ("http://a.ca/", f"http://a.ca/?{UTM}"),
        ("https://a.ca/?", f"https://a.ca/?{UTM}"),
        ("https://a.ca/?q=1&", f"https://a.ca/?q=1&{UTM}"),
        ("https://a.ca/p#top", f"https://a.ca/p?{UTM}#top"),
        ("https://a.ca/p?q=a%20b#a?b", f"https://a.ca/p?q=a%20b&{UTM}#a?b"),
        ("https://a.ca/?utm_source=me", "https://a.ca/?utm_source=me&utm_medium=email&utm_campaign=SALE"),
        (
            "https://a.ca/?utm_source=a&utm_medium=b&utm_campaign=",
            "https://a.ca/?utm_source=a&utm_medium=b&utm_campaign=",
        ),
        ("https://a.ca/{{ order }}", f"https://a.ca/{{{{ order }}}}?{UTM}"),
        ("https://a.ca/?o={{ order | default: '?#&' }}#x", f"https://a.ca/?o={{{{ order | default: '?#&' }}}}&{UTM}#x"),
        ("{{ site }}/offer", f"{{{{ site }}}}/offer?{UTM}"),
        ("{{ link }}", "{{ link }}"),
        ("https://a.ca/{% if a %}?b=1{% endif %}", "https://a.ca/{% if a %}?b=1{% endif %}"),
        ("https://a.ca/{% if a < 5 %}b{% endif %}", f"https://a.ca/{{% if a < 5 %}}b{{% endif %}}?{UTM}"),
    ],
)
def test_utm_parameters_join_what_the_author_wrote(address: str, target: str) -> None:
    assert compiled(button(address)).links == [target]


@given(st.text("ab=&%20?/+;", max_size=30), st.text("ab=&?/#", max_size=10))
def test_no_query_and_no_fragment_is_lost(query: str, fragment: str) -> None:
    with_marks = urlsplit(compiled(button(f"https://a.ca/p?{query}#{fragment}")).links[0])

    assert with_marks.fragment == fragment
    assert parse_qsl(with_marks.query, keep_blank_values=True)[-3:] == parse_qsl(UTM)
    assert with_marks.query.startswith(query.rstrip("&"))


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.strip() and "\x00" not in text))
def test_a_click_leads_where_the_address_itself_would_have(value: str) -> None:
    written = button("https://a.ca/{{ x | url_encode }}/{{ x }}?q=a&copy={{ x }}&z")
    plain = render_email(compiled(written, campaign=None), {"x": value}).html

    address = views._address(compiled(written).links[0], {"x": value}, MESSAGE)

    assert address is not None
    assert address.removesuffix(f"&{UTM}") == iri_to_uri(unescape(hrefs(plain)[0]).strip())


def test_a_campaign_is_quoted_and_the_source_is_a_setting(settings: Any) -> None:
    settings.UTM_SOURCE = "huron home"
    assert compiled(button("https://a.ca"), campaign="A&B {{ x }}").links == [
        "https://a.ca?utm_source=huron%20home&utm_medium=email&utm_campaign=A%26B%20%7B%7B%20x%20%7D%7D"
    ]
    settings.UTM_SOURCE = ""
    assert compiled(button("https://a.ca")).links == ["https://a.ca"]


@pytest.mark.parametrize(
    "address",
    [
        "mailto:{{ email }}",
        "tel:+15195550100",
        "{{ unsubscribeUrl }}",
        "https://a.ca/?back={{ unsubscribeUrl | url_encode }}",
        "{{ trackingUrl }}/c/1",
    ],
)
def test_what_is_no_page_of_others_is_left_alone(address: str) -> None:
    email = compiled(button(address))

    assert (hrefs(email.html), email.links) == ([address], [])


@pytest.mark.parametrize(
    "block",
    [
        '{% for line in lines %}<a href="https://a.ca/{{ line.id }}">x</a>{% endfor %}',
        '{% for line in lines %}<a href="https://a.ca/{{ forloop.index }}">x</a>{% endfor %}',
        '{% for n in lines %}<a href="https://a.ca/{% cycle 1, 2 %}">x</a>{% endfor %}',
        '{% assign code = order | upcase %}<a href="https://a.ca/{{ code }}">x</a>',
        '<a href="https://a.ca/{% assign code = 1 %}">x</a>{{ code }}',
    ],
)
def test_what_only_the_template_knows_is_left_alone(block: str) -> None:
    email = compiled(html(block))

    assert email.links == [] and hrefs(email.html)[0].startswith("https://a.ca/{")


def test_attributes_in_any_order_and_with_any_text() -> None:
    email = compiled(html("<a title='a > \"b\" href=c' target=_blank HREF=https://a.ca/?a=1&copy=2>x</a>"))

    assert email.links == [f"https://a.ca/?a=1&copy=2&{UTM}"]


def test_opens_are_seen_by_a_picture_at_the_very_end() -> None:
    page = rendered(compiled(text("Hi")))

    picture = personal_variables(MESSAGE)["trackingUrl"] + "/o.gif"
    assert re.search(rf'<img src="{picture}" width="1" height="1" alt="" style="[^"]*"></body></html>\s*$', page)


def test_without_a_campaign_nothing_is_followed() -> None:
    email = compiled(button("https://a.ca"), campaign=None)

    assert (hrefs(email.html), email.links) == (["https://a.ca"], [])
    assert "trackingUrl" not in email.html + email.text


def test_the_names_that_every_message_has_are_nobodys_variables() -> None:
    email = compiled(button("https://a.ca/{{ x }}"), text("{{ unsubscribeUrl }}"), subject="{{ trackingUrl }}")

    assert email.variables == ["x"]


def test_a_value_that_only_a_link_wants_is_asked_for_before_the_mail_leaves() -> None:
    email = compiled(html('<a href="https://a.ca/{{ order }}"><img src="https://a.ca/i.png" alt="i"></a>'))

    assert email.variables == ["order"]
    with pytest.raises(MissingVariables) as missing:
        rendered(email)
    assert missing.value.names == ("order",)


def test_a_link_that_a_condition_hides_wants_nothing() -> None:
    email = compiled(html('{% if link %}<a href="{{ link }}">x</a>{% endif %}<p>Hi</p>'))

    assert hrefs(rendered(email)) == []
    assert [href[-4:] for href in hrefs(rendered(email, link="https://a.ca"))] == ["/c/1"]


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "mailto:a@b.ca", "/x", "https://"]
)
def test_a_mail_whose_link_leads_to_no_page_does_not_leave(link: str) -> None:
    with pytest.raises(TemplateProblem) as problem:
        rendered(compiled(button("{{ link }}")), link=link)

    assert problem.value.field == "blocks"


def test_marketing_without_a_way_out_gets_one(settings: Any) -> None:
    settings.BRAND_NAME, settings.BRAND_ADDRESS = "Huron & Home", "255 Dundas Street, London"
    email = compiled(text("Sale!"), purpose="marketing", language="fr-CA")

    made = render_email(email, personal_variables(MESSAGE))
    link = personal_variables(MESSAGE)["unsubscribeUrl"]
    assert f'<a href="{link}" ' in made.html and ">Se désabonner</a>" in made.html
    assert "Huron &amp; Home · 255 Dundas Street, London" in made.html
    assert made.text.endswith(f"-- \nHuron & Home · 255 Dundas Street, London\nSe désabonner: {link}\n")


@pytest.mark.parametrize(
    "block", [text("{{ unsubscribeUrl }}"), button("{{ unsubscribeUrl }}"), text('<a href="{{unsubscribeUrl}}">x</a>')]
)
def test_marketing_with_a_way_out_of_its_own_gets_no_other(block: dict[str, Any]) -> None:
    settled = compiled({"type": "columns", "columns": [{"blocks": [block]}]}, purpose="marketing")

    assert settled.html.count("unsubscribeUrl") == settled.text.count("unsubscribeUrl") == 1


@pytest.mark.parametrize(
    "written",
    [
        "{% if vip %}{{ unsubscribeUrl }}{% endif %}",
        "{% comment %}{{ unsubscribeUrl }}{% endcomment %}",
        "{% for x in lines %}{{ unsubscribeUrl }}{% endfor %}",
    ],
)
def test_a_way_out_that_may_be_hidden_is_none(written: str) -> None:
    made = render_email(
        compiled(text(f"Hi {written}"), purpose="marketing"), personal_variables(MESSAGE) | {"lines": []}
    )

    assert made.html.count("/unsubscribe") == made.text.count("/unsubscribe") == 1


def test_transactional_mails_get_no_footer() -> None:
    assert (
        "unsubscribe" not in rendered(compile_email(SOURCE_000, campaign="A"), firstName="A", orderNumber="1").lower()
    )


@pytest.mark.django_db
def test_a_version_keeps_its_links_as_rows_with_its_code() -> None:
    version = version_of(button("https://a.ca"), button("https://b.ca/{{ x }}"), code="", category="SALE")

    code = version.message_schema.code
    rows = list(
        TrackedLink.objects.filter(schema_version=version).order_by("position").values_list("position", "target")
    )
    assert code.startswith("MSG-SCHEMA-SALE-")
    assert rows == list(enumerate(version.compiled["links"], start=1))
    assert rows[1][1] == f"https://b.ca/{{{{ x }}}}?utm_source=rapport&utm_medium=email&utm_campaign={code}"


@pytest.mark.django_db
def test_a_template_may_say_that_nothing_is_followed() -> None:
    version = version_of(button("https://a.ca"), metadata={"tracking": False}, purpose="marketing")

    assert not TrackedLink.objects.exists()
    assert "trackingUrl" not in version.compiled["html"] and "unsubscribeUrl" in version.compiled["html"]


@pytest.mark.django_db
def test_each_version_has_links_of_its_own() -> None:
    first = version_of(button("https://a.ca/old"))
    schema = first.message_schema
    schema.template_schema = of(button("https://a.ca/new"))
    second = save_schema(schema)

    assert [link.target.partition("?")[0] for link in (first.links.get(), second.links.get())] == [
        "https://a.ca/old",
        "https://a.ca/new",
    ]
