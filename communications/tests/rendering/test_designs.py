"""The starter designs: each is a mail that every client shows, on a wide screen and on a phone."""

import re

import pytest
from django.conf import LazySettings, settings

from communications.actions.schemas import save_schema
from communications.models import MessageSchema
from communications.rendering.designs import Design, all_designs, design
from communications.rendering.email import CompiledEmail, render_email
from communications.rendering.looks import EmailShown
from communications.rendering.preview import preview
from communications.rendering.variables import SAMPLES
from communications.tracking.footer import imprint
from communications.tracking.links import personal_variables
from customers.choices import Purpose
from customers.models import Customer

DESIGNS = all_designs()
STYLED = re.compile(r'style="([^"]*)"')
SHEET = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
NOT_IN_A_MAIL = re.compile(r"\b(?:flex|grid|position|float|url\(|@import|@font-face)")
each_design = pytest.mark.parametrize("chosen", DESIGNS, ids=lambda chosen: chosen.key)


def shown(chosen: Design, customer: Customer | None = None) -> EmailShown:
    look = preview(MessageSchema(**chosen.as_initial()), customer=customer).shown
    assert isinstance(look, EmailShown)
    return look


def test_there_are_five() -> None:
    assert [each.key for each in DESIGNS] == ["appointment", "newsletter", "promotion", "shipped", "welcome"]
    assert design("welcome") == DESIGNS[4] and design("../welcome") is None


@each_design
@pytest.mark.django_db
def test_a_design_is_saved_as_it_stands(chosen: Design) -> None:
    version = save_schema(MessageSchema(**chosen.as_initial()))

    assert version.message_schema.code.startswith(f"MSG-SCHEMA-{chosen.category}-")
    assert version.compiled["html"]


@each_design
def test_a_design_is_small_and_nothing_about_it_gives_pause(chosen: Design) -> None:
    mail = shown(chosen)

    assert mail.warnings == ()
    assert mail.size < 102 * 1024 / 4  # room for what its author adds
    assert 10 <= len(mail.subject) <= 70 and 20 <= len(mail.preview_text) <= 110


@each_design
def test_a_design_stands_on_tables_and_inline_styles(chosen: Design) -> None:
    html = shown(chosen).html

    assert [style for style in STYLED.findall(html) if NOT_IN_A_MAIL.search(style)] == []
    assert [sheet for sheet in SHEET.findall(html) if NOT_IN_A_MAIL.search(sheet)] == []
    assert not re.search(r"<(?:script|link|form|iframe|video|svg)\b", html)
    assert html.count("<table") > 5 and 'role="presentation"' in html


@each_design
def test_its_pictures_are_ours_and_each_has_words(chosen: Design) -> None:
    images = re.findall(r"<img\b[^>]*>", shown(chosen).html)

    base = f"{settings.PUBLIC_BASE_URL}/static/"
    for image in images:
        source = re.search(r'src="([^"]*)"', image)
        assert source and source[1].startswith(base)
        assert (settings.BASE_DIR / "static" / source[1].removeprefix(base)).exists()
        assert re.search(r'alt="[^"]{5,}"', image)
    assert images


@pytest.mark.django_db
def test_its_pictures_move_with_the_installation(settings: LazySettings) -> None:
    version = save_schema(MessageSchema(**DESIGNS[0].as_initial()))
    settings.PUBLIC_BASE_URL = "https://moved.rapport.test"

    mail = render_email(CompiledEmail(**version.compiled), {**SAMPLES, **personal_variables(version.pk)})

    assert re.findall(r'<img [^>]*src="(https?://[^/]*)', mail.html) == [
        "https://moved.rapport.test"
    ] * mail.html.count("<img")


@each_design
def test_its_text_part_says_the_same(chosen: Design) -> None:
    mail = shown(chosen)

    assert not re.search(r"<|\{\{|\{%|&\w+;|\n{3}", mail.text)
    for label, url in re.findall(r"([A-Z][\w ]+): (https://huronhome\.ca\S+)", mail.text):
        assert label in mail.html and url in mail.html
    assert imprint() in mail.text


@each_design
def test_marketing_offers_a_way_out(chosen: Design) -> None:
    assert ("/unsubscribe" in shown(chosen).html) == (chosen.purpose == Purpose.MARKETING)


@each_design
def test_it_is_whole_for_somebody_nothing_is_known_of(chosen: Design) -> None:
    mail = shown(chosen, Customer())

    assert "{{" not in mail.html and ", ," not in mail.text and "  " not in mail.subject
