from datetime import UTC, date, datetime
from itertools import chain, zip_longest

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from liquid import Environment

from communications.rendering import inspection
from communications.rendering.liquid import MissingVariables, TemplateProblem, compile_template

ON_A_BUSY_MACHINE = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def render(source, html=False, **values):
    return compile_template(source, html=html).render(values)


def missing(source, **values):
    with pytest.raises(MissingVariables) as caught:
        render(source, **values)
    return caught.value.names


def place(source):
    with pytest.raises(TemplateProblem) as caught:
        compile_template(source)
    return caught.value.line, caught.value.column


def test_a_variable_is_replaced():
    assert render("Hi {{firstName}}, {{ order.total }}", firstName="John", order={"total": 7}) == "Hi John, 7"


def test_every_missing_variable_is_named_at_once():
    assert missing("{{ a }} {{ b | upcase }} {{ c.d }} {{ e }} {{ a }}", e="here") == ("a", "b", "c.d")


@pytest.mark.parametrize("value", [None, "", "  ", "\n\u00a0"])
def test_none_and_blank_are_no_value(value):
    assert missing("{{ x }}", x=value) == ("x",)
    assert render('{{ x | default: "there" }}', x=value) == "there"
    assert render("{% if x %}{{ x }}{% else %}-{% endif %}", x=value) == "-"


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (False, "false"), (0.5, "0.5"), (True, "true")])
def test_zero_and_false_are_values(value, text):
    assert render("{{ x }}", x=value) == text


@pytest.mark.parametrize(
    "condition", ["x", "x != blank", 'x != ""', "x != nil", "x != empty", "x and true", "x.size > 0"]
)
def test_a_condition_protects_a_variable(condition):
    source = "Hello{% if " + condition + " %} {{ x }}{% endif %}!"
    assert render(source) == render(source, x=" ") == "Hello!"
    assert render(source, x="John") == "Hello John!"


def test_unless_protects_as_well():
    source = "{% unless x == blank %}{{ x }}{% endunless %}."
    assert (render(source), render(source, x="a")) == (".", "a.")


@pytest.mark.parametrize(
    "source",
    [
        "{{ x | plus: 1 }}",
        '{{ x | append: "!" }}',
        '{{ "Dear " | append: x }}',
        "{% for i in x %}{{ i }}{% endfor %}",
        "{% for i in (1..x) %}.{% endfor %}",
        "{% assign y = x %}{{ y }}",
        "{% capture y %}{{ x }}{% endcapture %}{{ y }}",
        "{% echo x %}",
        "{% cycle x %}",
        "{% liquid\necho x\n%}",
        '{{ x | split: "," | first }}',
        "{{ x | size }}",
        "{{ z | default: x }}",
    ],
)
def test_a_missing_variable_is_noticed_however_it_is_used(source):
    assert missing(source) == ("x",)


def test_a_filter_of_nothing_is_nothing_and_can_be_defaulted():
    assert render('{{ x | upcase | strip | default: "there" }}') == "there"
    assert render('{{ "Dear " | append: x | default: "Hello" }}') == "Hello"


def test_an_explicit_default_may_be_empty():
    assert render('a{{ x | default: "" }}b') == "ab"


def test_what_an_author_leaves_empty_is_no_missing_variable():
    assert render("{% assign s = '' %}{% capture t %}{% endcapture %}[{{ s }}{{ t }}]") == "[]"


def test_what_cannot_be_printed_is_missing():
    assert missing("{{ a }} {{ b }} {{ c | first }}", a={"k": 1}, b=[], c=[]) == ("a", "b", "c")


def test_an_empty_list_is_a_value():
    assert render("{% for i in x %}{{ i }}{% else %}nothing{% endfor %}", x=[]) == "nothing"


def test_values_are_escaped_in_html_only():
    assert render("<b>{{ x }}</b>", html=True, x="<i>&\"'") == "<b>&lt;i&gt;&amp;&#34;&#39;</b>"
    assert render("<b>{{ x | append: '<u>' }}</b>", html=True, x="<i>") == "<b>&lt;i&gt;<u></b>"
    assert render("{{ x }}", x="<i>") == "<i>"


@pytest.mark.parametrize("source", ["{{ x | safe }}", "{% include 'a' %}", "{% render 'a' %}", "{{ x | nothing }}"])
def test_ways_round_escaping_and_to_other_templates_are_closed_at_save_time(source):
    assert place(source)[0] == 1


# what is known before rendering


def test_variables_are_the_paths_read_from_outside_in_order():
    compiled = compile_template(
        "{{ b }}{% assign c = a.x %}{{ c }}{% for l in lines %}{{ l.n }}{{ b }}{% endfor %}{{ a.y }}"
    )
    assert compiled.variable_order == ("b", "a.x", "lines", "a.y")
    assert compiled.variables == {"b", "a.x", "lines", "a.y"}


def test_required_is_what_nothing_protects():
    compiled = compile_template(
        "{{ a }}{{ b | default: 'x' }}{% if c %}{{ c }}{% endif %}{{ d | upcase }}{{ e | default: 'x' | append: f }}"
        "{% for l in lines %}{{ g }}{% endfor %}{% assign h = i %}{{ h }}{% capture j %}{{ k.l }}{% endcapture %}"
    )
    assert compiled.required == {"a", "d", "f", "lines", "k.l"}


PIECES = st.sampled_from(
    [
        "text ",
        " { ",
        "}% ",
        "\n",
        "{{ a }}",
        "{{ b | upcase }}",
        "{{ c | default: 'z' }}",
        "{% assign d = b %}{{ d }}",
        "{% if a == 'x' %}{{ a }}{% elsif b %}{{ c }}{% else %}-{% endif %}",
        "{{ b | append: c | default: a }}",
        "{% for i in list %}{{ i }}{{ a }}{% endfor %}",
        "{% capture e %}{{ a }}!{% endcapture %}{{ e }}",
        "{% raw %}{{{% endraw %}",
        "{%- comment -%}x{%- endcomment %}",
        "{% unless c %}{{ b }}{% endunless %}",
        "{% increment n %}",
        "{{- a -}}",
        "{# x #}",
        "{% case a %}{% when 'x' %}{{ b }}{% else %}{{ c }}{% endcase %}",
        "{{ list | join: a }}",
        "{% assign a = 'own' %}",
    ]
)
SOURCES = st.lists(PIECES, max_size=8).map("".join)
TEXTS = st.sampled_from(["x", "<b>", "", " ", "é😀", None]) | st.text(max_size=5)
VALUES = st.fixed_dictionaries(
    {},
    optional={"a": TEXTS, "b": TEXTS, "c": TEXTS | st.integers() | st.booleans(), "list": st.lists(TEXTS, max_size=3)},
)


def outcome(work):
    try:
        return work()
    except MissingVariables as error:
        return error.names


@ON_A_BUSY_MACHINE
@given(source=SOURCES, values=VALUES, html=st.booleans())
def test_static_text_and_slots_are_the_render(source, values, html):
    compiled = compile_template(source, html=html)
    slots = outcome(lambda: compiled.slots(values))
    rendered = outcome(lambda: compiled.render(values))
    if isinstance(slots, list):
        assert len(compiled.static) == len(slots) + 1
        assert rendered == "".join(chain.from_iterable(zip_longest(compiled.static, slots, fillvalue="")))
    else:
        assert rendered == slots


WORDS = st.text(st.sampled_from("x<&'é😀"), min_size=1, max_size=5)


@ON_A_BUSY_MACHINE
@given(
    source=SOURCES,
    values=st.fixed_dictionaries({"a": WORDS, "b": WORDS, "c": WORDS, "list": st.lists(WORDS, min_size=1, max_size=3)}),
    html=st.booleans(),
)
def test_with_every_value_given_the_text_is_the_librarys_own(source, values, html):
    assert compile_template(source, html=html).render(values) == Environment(autoescape=html).from_string(
        source
    ).render(**values)


@ON_A_BUSY_MACHINE
@given(source=SOURCES, values=VALUES)
def test_without_a_required_value_no_render_succeeds(source, values):
    compiled = compile_template(source)
    for name in compiled.required:
        names = outcome(lambda name=name: compiled.render({k: v for k, v in values.items() if k != name}))
        assert isinstance(names, tuple)
        assert name in names


@ON_A_BUSY_MACHINE
@given(source=SOURCES)
def test_only_variables_that_a_template_reads_can_be_missing(source):
    compiled = compile_template(source)
    names = outcome(lambda: compiled.render({}))
    assert isinstance(names, str) or set(names) <= compiled.variables


@ON_A_BUSY_MACHINE
@given(st.text(st.sampled_from("{}%|.[]()'\" \nabif-=:,0endforassign"), max_size=60))
def test_any_text_is_a_template_or_a_problem_with_a_place(source):
    try:
        compiled = compile_template(source)
    except TemplateProblem as problem:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        return
    try:
        compiled.render({"a": "x"})
    except (MissingVariables, TemplateProblem):
        return


# errors at save time


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("a\n {{ x ", (2, 2)),
        ("a\n {% if x %} b", (2, 5)),
        ("{% if x %}\n{% for i in y %}\n{% endif %}", (3, 4)),
        ("a\nb {{ x | }}", (2, 6)),
        ("a {{ x | nothing }}", (1, 10)),
        ("a {{ x | replace }}", (1, 10)),
        ("a {{ x | upcase: 1, 2 }}", (1, 10)),
        ("a\n{% if x == %}b{% endif %}", (2, 14)),
        ("a {% endif %}", (1, 6)),
        ("a {% nothing %}", (1, 6)),
        ("a {% break %}", (1, 6)),
        ("{% raw %} x", (1, 1)),
        ("{{}}", (1, 3)),
        ("{{ 'now' | date: '%Y' }}", (1, 4)),
        ("{% for i in (1..10001) %}{% endfor %}", (1, 13)),
    ],
)
def test_a_mistake_is_shown_with_its_place(source, where):
    assert place(source) == where


def test_braces_that_are_no_markup_are_text():
    assert render("{ } %} }} {x}") == "{ } %} }} {x}"


# dates


@pytest.mark.parametrize(
    "value",
    [
        datetime(2025, 11, 15, 14, 0, tzinfo=UTC),
        date(2025, 11, 15),
        "2025-11-15T14:00:00Z",
        "2025-11-15",
        "Nov 15, 2025",
        1763215200,
    ],
)
def test_a_date_takes_a_format(value):
    assert render("{{ x | date: '%d/%m/%Y' }}", x=value) == "15/11/2025"


def test_text_that_is_no_date_stays_as_it_is():
    assert render("{{ x | date: '%Y' }}", x="next week") == "next week"
    assert missing("{{ x | date: '%Y' }}") == ("x",)


def test_a_message_has_no_clock():
    assert missing("{{ now }} {{ today | date: '%Y' }}") == ("now", "today")
    with pytest.raises(TemplateProblem, match="now"):
        render("{{ x | date: '%Y' }}", x="now")


# templates that mean harm: a clean error, soon (the suite's own time limit is the judge of "soon")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..n) %}a{% endfor %}",
        "{% for i in (1..n) reversed %}a{% endfor %}",
        "{% for i in (1..n) offset: 99999999 %}a{% endfor %}",
        "{{ (1..n) | join: '' }}",
        "{% tablerow i in (1..n) %}a{% endtablerow %}",
        "{% for i in (1..1000) %}" * 3 + "x" + "{% endfor %}" * 3,
        "{% for i in (1..9000) %}{% endfor %}" * 500,
        "{% if x %}" * 60 + "{% endif %}" * 60,
        "{{ 'a'" + " | replace: 'a', 'aaaaaaaaaa'" * 20 + " }}",
        "{% assign y = 'aaaaaaaaaa' %}" + "{% assign y = y | append: y %}" * 40 + "{{ y }}",
        "{% assign y = 9999999999 %}" + "{% assign y = y | times: y %}" * 40 + "{{ y }}",
        "{% assign l = big | split: '|' %}" + "{% assign l = l | concat: l %}" * 24 + "{{ l | join: l }}",
        "{% for i in (1..9000) %}{{ big | upcase | downcase }}{% endfor %}",
        "{% for i in (1..9000) %}{% capture y %}{{ big }}{% endcapture %}{% endfor %}",
        "{% for i in (1..999) %}{{ big }}{% endfor %}",
        "{{ big }}" * 20,
        "{% for i in (1..10000) %}" + "{% if true %}{% endif %}" * 200 + "{% endfor %}",
        "{{ n | times: n | times: n" + " | times: n" * 180 + " | times: n" * 3 + " | append: big | strip_html }}",
        "{{" + " " * 100_000,
        "{{" + " " * 1_900 + "}}",
        "{% raw %}" * 30_000,
        "{{ x" + "[x" * 400 + "]" * 400 + " }}",
        "{{'a'}}" * 50_000,
        "{% if false %}" + "{% elsif false %}" * 20_000 + "{% endif %}",
        "a" * 500_001,
    ],
)
def test_a_hostile_template_ends_in_a_clean_error(source):
    with pytest.raises(TemplateProblem):
        render(source, n=10**9, x="x", big="a" * 100_000)


@pytest.mark.parametrize(
    "source",
    ["{{ x.__class__ }}", "{{ x.__class__.__mro__ }}", "{{ x['__init__'] }}", "{{ x.upper }}", "{{ x.format }}"],
)
def test_nothing_but_values_can_be_reached(source):
    assert len(missing(source, x="text")) == 1


def test_a_number_too_long_to_print_is_a_problem_of_the_template():
    with pytest.raises(TemplateProblem):
        render("{{ x | times: x }}", x=10**4200)


def test_an_ordinary_long_message_is_within_all_limits():
    rows = "{% for l in lines %}<tr><td>{{ l.name }}</td><td>{{ l.price | default: 'free' }}</td></tr>{% endfor %}"
    lines = [{"name": f"Part {number}", "price": number} for number in range(1000)]
    assert render(rows, html=True, lines=lines).count("<tr>") == 1000


def test_compiling_the_same_source_again_costs_nothing():
    assert compile_template("Hi {{ name }}") is compile_template("Hi {{ name }}")
    assert compile_template("Hi {{ name }}", html=True) is not compile_template("Hi {{ name }}")


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("default", ["there", "<b> & 'x'", "  ", ""])
@pytest.mark.parametrize("value", [..., "<i>", "Ann", " ", "", None, 5, False, [], {"b": 1}])
def test_what_needs_no_interpreter_says_what_the_interpreter_would(monkeypatch, html, default, value):
    source = f'{{{{ a | default: "{default}" }}}}|{{{{ a }}}}'
    context = {} if value is ... else {"a": value}
    said = said_of(source, html, context)
    compile_template.cache_clear()
    monkeypatch.setattr(inspection, "plain_name", lambda node, own: ("", None))

    assert said_of(source, html, context) == said
    compile_template.cache_clear()


def said_of(source, html, context):
    try:
        return compile_template(source, html=html).render(context)
    except (MissingVariables, TemplateProblem) as error:
        return type(error), str(error)
