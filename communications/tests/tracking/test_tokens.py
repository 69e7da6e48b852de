"""A token says which message it belongs to, and only we can make one."""

import string
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.tracking.links import list_unsubscribe_headers, personal_variables
from communications.tracking.tokens import UnknownToken, message_of, token_for

MESSAGE = UUID("0197a3a6-7c4e-7d0a-9f4e-3d2a1b0c9d8e")
ALPHABET = string.ascii_letters + string.digits + "-_"


@given(st.uuids())
def test_a_token_leads_back_to_its_message(message_id: UUID) -> None:
    token = token_for(message_id)

    assert message_of(token) == message_id
    assert len(token) == 40 and set(token) <= set(ALPHABET)


@given(st.uuids(), st.integers(0, 39), st.sampled_from(ALPHABET))
def test_a_token_with_one_letter_changed_is_refused(message_id: UUID, place: int, letter: str) -> None:
    token = token_for(message_id)
    changed = token[:place] + letter + token[place + 1 :]

    if changed != token:
        with pytest.raises(UnknownToken):
            message_of(changed)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(UnknownToken):
        message_of(text)


@pytest.mark.parametrize("change", ["{}=", "{}==", " {}", "{}\n", "{}%00", "{}\x00", "", "../{}", "{0}{0}"])
def test_a_token_has_one_spelling(change: str) -> None:
    with pytest.raises(UnknownToken):
        message_of(change.format(token_for(MESSAGE)))


def test_a_changed_key_is_accepted_while_it_is_named(settings: Any) -> None:
    settings.SECRET_KEY = "the first key"
    old = token_for(MESSAGE)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second key", ["the first key"]
    assert message_of(old) == MESSAGE and token_for(MESSAGE) != old

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(UnknownToken):
        message_of(old)


def test_links_may_have_keys_of_their_own_so_that_they_outlive_the_secret_key(settings: Any) -> None:
    settings.TRACKING_KEYS = ["links, new", "links, old"]
    token = token_for(MESSAGE)

    settings.SECRET_KEY, settings.TRACKING_KEYS = "another", ["links, newest", "links, new"]

    assert message_of(token) == MESSAGE


def test_the_personal_addresses_of_a_message(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://rapport.test"
    token = token_for(MESSAGE)

    assert personal_variables(MESSAGE) == {
        "trackingUrl": f"https://rapport.test/t/{token}",
        "unsubscribeUrl": f"https://rapport.test/t/{token}/unsubscribe",
        "staticUrl": "https://rapport.test/static/",
    }


def test_the_headers_of_one_click(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://rapport.test"
    token = token_for(MESSAGE)

    assert list_unsubscribe_headers(MESSAGE) == {
        "List-Unsubscribe": f"<https://rapport.test/t/{token}/unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    settings.UNSUBSCRIBE_MAILTO = "leave@rapport.test"
    assert list_unsubscribe_headers(MESSAGE)["List-Unsubscribe"] == (
        f"<https://rapport.test/t/{token}/unsubscribe>, <mailto:leave@rapport.test?subject=unsubscribe%20{token}>"
    )
