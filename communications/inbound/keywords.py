"""What a customer's one word means: STOP, START, HELP, CONFIRM, CANCEL, in English and in the customer's language.

Only a message that is nothing but the word counts; the same word within a sentence is conversation. Precedence:

1. A reminder waits for an answer: YES and CANCEL (and their translations) answer it, as do CONFIRM, C and Y.
2. Else YES and CANCEL are what they are to the carriers, opt-in and opt-out; CONFIRM, C and Y mean nothing.
3. What the carrier itself did (Twilio's `OptOutType`) is a fact about consent whatever the word answered.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Keyword(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    CONFIRM = "confirm"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True)
class Classified:
    """What a text asks for, and what it does to consent: one word can do both (CANCEL, when the carrier heard STOP).

    `carrier_replied`: the carrier has answered by itself, so a reply of ours would be refused or doubled.
    """

    keyword: Keyword | None = None
    opted_out: bool = False
    opted_in: bool = False
    carrier_replied: bool = False


_ANSWERS = (Keyword.CONFIRM, Keyword.CANCEL)

# Folded: no accents, lower case. A word may stand in two rows: whether a reminder waits decides which one counts.
_WORDS: dict[str, dict[Keyword, frozenset[str]]] = {
    "en": {
        Keyword.STOP: frozenset(
            ("stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "revoke", "optout", "opt out")
        ),
        Keyword.START: frozenset(("start", "yes", "unstop")),
        Keyword.HELP: frozenset(("help", "info")),
        Keyword.CONFIRM: frozenset(("confirm", "confirmed", "yes", "c", "y")),
        Keyword.CANCEL: frozenset(("cancel",)),
    },
    "fr": {
        Keyword.STOP: frozenset(("arret", "arreter", "desabonner", "desinscrire", "annuler")),
        Keyword.START: frozenset(("oui", "reprendre", "reabonner")),
        Keyword.HELP: frozenset(("aide",)),
        Keyword.CONFIRM: frozenset(("confirmer", "confirme", "oui", "o")),
        Keyword.CANCEL: frozenset(("annuler",)),
    },
    "es": {
        Keyword.STOP: frozenset(("parar", "alto", "baja", "cancelar")),
        Keyword.START: frozenset(("si", "alta", "iniciar")),
        Keyword.HELP: frozenset(("ayuda",)),
        Keyword.CONFIRM: frozenset(("confirmar", "confirmo", "si", "s")),
        Keyword.CANCEL: frozenset(("cancelar",)),
    },
    "de": {
        Keyword.STOP: frozenset(("stopp", "abmelden", "abbestellen", "ende", "stornieren")),
        Keyword.START: frozenset(("ja", "anmelden")),
        Keyword.HELP: frozenset(("hilfe",)),
        Keyword.CONFIRM: frozenset(("bestatigen", "bestaetigen", "bestatigt", "ja", "j")),
        Keyword.CANCEL: frozenset(("stornieren", "absagen")),
    },
}

# Every letter is in the GSM alphabet (no ê, á, í, ó, ç), so that a reply with a short brand stays one segment.
_REPLIES: dict[str, dict[Keyword, str]] = {
    "en": {
        Keyword.STOP: "You are unsubscribed and will receive no more messages. Reply START to resubscribe.",
        Keyword.START: "You are subscribed again. Reply HELP for help, STOP to unsubscribe.",
        Keyword.HELP: "A person reads your reply. Reply STOP to unsubscribe. Msg & data rates may apply.",
        Keyword.CONFIRM: "Thank you, your appointment is confirmed.",
        Keyword.CANCEL: "Your appointment is cancelled. Reply to this message to book another.",
    },
    "fr": {
        Keyword.STOP: "Désabonnement effectué, vous ne recevrez plus de messages. Répondez START pour vous réabonner.",
        Keyword.START: "Votre abonnement a repris. Répondez AIDE pour obtenir de l'aide, STOP pour vous désabonner.",
        Keyword.HELP: "Une personne lit votre réponse. STOP pour vous désabonner. Des frais peuvent s'appliquer.",
        Keyword.CONFIRM: "Merci, votre rendez-vous est confirmé.",
        Keyword.CANCEL: "Votre rendez-vous est annulé. Répondez à ce message pour en prendre un autre.",
    },
    "es": {
        Keyword.STOP: "Baja realizada: ya no recibe mensajes. Responda START para volver a recibirlos.",
        Keyword.START: "De nuevo recibe nuestros mensajes. Responda AYUDA para obtener ayuda, STOP para darse de baja.",
        Keyword.HELP: "Una persona lee su respuesta. Responda STOP para darse de baja. Pueden aplicarse tarifas.",
        Keyword.CONFIRM: "Gracias, su cita queda confirmada.",
        Keyword.CANCEL: "Su cita queda cancelada. Responda a este mensaje para pedir otra.",
    },
    "de": {
        Keyword.STOP: "Sie sind abgemeldet und erhalten keine Nachrichten mehr. Mit START melden Sie sich wieder an.",
        Keyword.START: "Sie sind wieder angemeldet. HILFE für Hilfe, STOP zum Abmelden.",
        Keyword.HELP: "Ein Mensch liest Ihre Antwort. Mit STOP melden Sie sich ab. Es können Kosten entstehen.",
        Keyword.CONFIRM: "Danke, Ihr Termin ist bestätigt.",
        Keyword.CANCEL: "Ihr Termin ist abgesagt. Antworten Sie auf diese Nachricht für einen neuen.",
    },
}

_LONGEST = 40  # characters; a longer text is a sentence
_QUOTES = "\"'`´“”„‟‘’‚«»‹›"
_TRAILING = ".!?,;:…"
_GAPS = re.compile(r"[\s\-_\u200b]+")


def classify(
    text: str, *, language: str = "en", opt_out_type: str | None = None, awaiting_confirmation: bool
) -> Classified:
    """What `text` means. `awaiting_confirmation`: a reminder to this customer waits for an answer.

    `language` is the customer's (`fr`, `fr-CA`); English words always count. `opt_out_type` is Twilio's form field
    (STOP, START or HELP). Never raises.
    """
    carrier = _carrier_keyword(opt_out_type)
    keyword = _reconcile(_keyword_of(_fold(text), language, awaiting_confirmation), carrier)
    opted_out = carrier is Keyword.STOP or keyword is Keyword.STOP
    return Classified(
        keyword=keyword,
        opted_out=opted_out,
        opted_in=not opted_out and Keyword.START in (carrier, keyword),
        carrier_replied=carrier is not None,
    )


def reply_text(keyword: Keyword, language: str, brand: str) -> str:
    """The confirmation in carrier style: who speaks, what happened, how to undo it. Unknown languages get English."""
    replies = _REPLIES.get(_primary(language), _REPLIES["en"])
    return f"{brand}: {replies[keyword]}"


def _keyword_of(word: str, language: str, awaiting: bool) -> Keyword | None:
    if not word:
        return None
    rows = [_WORDS["en"], _WORDS.get(_primary(language), {})]
    order = (
        [*_ANSWERS, Keyword.STOP, Keyword.START, Keyword.HELP]
        if awaiting
        else [Keyword.STOP, Keyword.START, Keyword.HELP]
    )
    return next((keyword for keyword in order if any(word in row.get(keyword, ()) for row in rows)), None)


def _reconcile(said: Keyword | None, carrier: Keyword | None) -> Keyword | None:
    """An answer to a reminder stands beside what the carrier did; otherwise the carrier, which acted, is right."""
    return said if carrier is None or said in _ANSWERS else carrier


def _carrier_keyword(opt_out_type: str | None) -> Keyword | None:
    known = {"STOP": Keyword.STOP, "START": Keyword.START, "HELP": Keyword.HELP}
    return known.get((opt_out_type or "").strip().upper())


def _fold(text: str) -> str:
    """`text` as it stands in the tables, or "" when it is more than a word."""
    if len(text) > _LONGEST:
        return ""
    bare = text.strip().strip(_QUOTES + _TRAILING + " \t\r\n\u00a0\u200b")
    plain = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    return _GAPS.sub(" ", plain.casefold()).strip()


def _primary(language: str) -> str:
    return re.split(r"[-_]", language or "en", maxsplit=1)[0].casefold()
