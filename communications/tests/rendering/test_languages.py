import pytest

from communications.rendering.languages import canonical, widening
from communications.rendering.problems import TemplateProblem


@pytest.mark.parametrize(
    ("tag", "spelled"),
    [("en", "en"), (" FR ", "fr"), ("fr_ca", "fr-CA"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")],
)
def test_a_language_has_one_spelling(tag: str, spelled: str) -> None:
    assert canonical(tag) == spelled


@pytest.mark.parametrize("tag", ["", "e", "english", "fr-", "fr-CA-x", "<b>"])
def test_what_is_no_language_is_refused(tag: str) -> None:
    with pytest.raises(TemplateProblem) as problem:
        canonical(tag)

    assert problem.value.field == "language"
    assert widening(tag) == ()


def test_a_language_falls_back_to_wider_ones() -> None:
    assert widening("zh-hant-TW") == ("zh-Hant-TW", "zh-Hant", "zh")
