import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.inbound.keywords import Classified, Keyword, classify, reply_text
from communications.rendering.sms import measure

LANGUAGES = ("en", "fr", "es", "de")


def heard(text, *, language="en", awaiting=False, carrier=None):
    return classify(text, language=language, opt_out_type=carrier, awaiting_confirmation=awaiting)


@pytest.mark.parametrize(
    "word",
    [
        "STOP",
        "stop",
        " Stop. ",
        "“STOP”",
        "'stop'!",
        "STOPALL",
        "UNSUBSCRIBE",
        "END",
        "QUIT",
        "CANCEL",
        "REVOKE",
        "OPTOUT",
        "OPT OUT",
        "opt-out",
        "Opt  Out!",
        "Stop\n",
        "stop…",
    ],
)
def test_a_carrier_stop_word_opts_out(word):
    assert heard(word) == Classified(keyword=Keyword.STOP, opted_out=True)


@pytest.mark.parametrize("word", ["START", "yes", "UNSTOP", "Yes."])
def test_a_carrier_start_word_opts_in(word):
    assert heard(word) == Classified(keyword=Keyword.START, opted_in=True)


@pytest.mark.parametrize("word", ["HELP", "info", "Help?"])
def test_help_asks_for_help_and_leaves_consent_alone(word):
    assert heard(word) == Classified(keyword=Keyword.HELP)


@pytest.mark.parametrize("word", ["CONFIRM", "yes", "C", "y", "Confirm!", "“C”"])
def test_a_waiting_reminder_is_confirmed(word):
    assert heard(word, awaiting=True) == Classified(keyword=Keyword.CONFIRM)


def test_cancel_answers_a_waiting_reminder_without_opting_out():
    assert heard("CANCEL", awaiting=True) == Classified(keyword=Keyword.CANCEL)


def test_stop_start_and_help_mean_the_same_while_a_reminder_waits():
    assert heard("STOP", awaiting=True).keyword is Keyword.STOP
    assert heard("START", awaiting=True).keyword is Keyword.START
    assert heard("HELP", awaiting=True).keyword is Keyword.HELP


@pytest.mark.parametrize("word", ["CONFIRM", "C", "Y", "confirmed"])
def test_a_confirmation_of_nothing_is_conversation(word):
    assert heard(word) == Classified()


@pytest.mark.parametrize(
    "text",
    [
        "please stop",
        "stop it",
        "Don't stop sending these",
        "yes please",
        "I need help",
        "",
        "   ",
        "?",
        "stopp",
        "c u",
        "👍",
        "STOP" * 50,
        "Can you cancel my appointment?",
        "the end",
    ],
)
def test_a_word_inside_a_sentence_is_no_keyword(text):
    assert heard(text) == Classified()
    assert heard(text, awaiting=True) == Classified()


@pytest.mark.parametrize(
    ("language", "word", "awaiting", "keyword"),
    [
        ("fr", "ARRET", False, "stop"),
        ("fr-CA", "arrêt", False, "stop"),
        ("fr", "AIDE", False, "help"),
        ("fr", "Oui !", True, "confirm"),
        ("fr", "oui", False, "start"),
        ("fr", "CONFIRMER", True, "confirm"),
        ("fr", "confirmer", False, None),
        ("fr", "Annuler", True, "cancel"),
        ("fr", "Annuler", False, "stop"),
        ("fr", "STOP", False, "stop"),
        ("es", "BAJA", False, "stop"),
        ("es_MX", "¡Sí!".strip("¡"), True, "confirm"),
        ("es", "cancelar", True, "cancel"),
        ("es", "AYUDA", False, "help"),
        ("de", "Abmelden", False, "stop"),
        ("de", "JA", True, "confirm"),
        ("de", "Bestätigen", True, "confirm"),
        ("de", "absagen", True, "cancel"),
        ("de", "absagen", False, None),
        ("de", "Hilfe", False, "help"),
        ("en", "ARRET", False, None),
        ("", "stop", False, "stop"),
        ("tlh", "help", False, "help"),
    ],
)
def test_words_count_in_the_customers_language_and_in_english(language, word, awaiting, keyword):
    assert heard(word, language=language, awaiting=awaiting).keyword == keyword


def test_cancel_can_answer_the_reminder_though_the_carrier_heard_an_opt_out():
    answer = heard("CANCEL", awaiting=True, carrier="STOP")
    assert answer == Classified(keyword=Keyword.CANCEL, opted_out=True, carrier_replied=True)


def test_yes_can_confirm_though_the_carrier_heard_an_opt_in():
    answer = heard("YES", awaiting=True, carrier="START")
    assert answer == Classified(keyword=Keyword.CONFIRM, opted_in=True, carrier_replied=True)


@pytest.mark.parametrize(("carrier", "keyword"), [("STOP", "stop"), ("start", "start"), ("HELP", "help")])
def test_a_word_only_the_carrier_knows_is_taken_from_it(carrier, keyword):
    assert heard("NOMAS", carrier=carrier).keyword == keyword


def test_what_the_carrier_did_wins_over_what_the_word_would_mean():
    assert heard("START", carrier="STOP") == Classified(keyword=Keyword.STOP, opted_out=True, carrier_replied=True)


@pytest.mark.parametrize("carrier", [None, "", "NONSENSE"])
def test_no_word_from_the_carrier_changes_nothing(carrier):
    assert heard("STOP", carrier=carrier) == Classified(keyword=Keyword.STOP, opted_out=True)


@given(
    text=st.text(max_size=60),
    language=st.sampled_from([*LANGUAGES, "fr-CA", "", "xx"]) | st.text(max_size=5),
    carrier=st.sampled_from([None, "STOP", "START", "HELP"]) | st.text(max_size=5),
    awaiting=st.booleans(),
)
def test_any_text_is_classified_and_never_opts_both_ways(text, language, carrier, awaiting):
    answer = heard(text, language=language, carrier=carrier, awaiting=awaiting)
    assert not (answer.opted_in and answer.opted_out)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("keyword", list(Keyword))
def test_every_reply_names_the_brand_and_is_one_gsm_segment(language, keyword):
    reply = reply_text(keyword, language, "Huron Home Services")
    assert reply.startswith("Huron Home Services: ")
    assert (measure(reply).encoding, measure(reply).segments) == ("GSM-7", 1)


def test_an_unknown_language_is_answered_in_english():
    assert reply_text(Keyword.STOP, "tlh", "Huron") == reply_text(Keyword.STOP, "en-GB", "Huron")
    assert "START" in reply_text(Keyword.STOP, "en", "Huron")
