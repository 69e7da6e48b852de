"""One spelling for each address: what is stored, compared and sent to is always the normal form.

E-mail is lower-cased as a whole with its domain in IDNA form, phones are E.164, WhatsApp is the E.164 number behind it.
"""

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, timezone

_MAX_EMAIL = 254  # RFC 5321: a path of 256 octets, less its two brackets
_MAX_HANDLE = 255
_MAX_PHONE_TEXT = 64
_PHONE_START = re.compile(r"(tel:)?[+\uff0b(\d]", re.IGNORECASE)
_FICTION = re.compile(r"\+1\d{3}55501\d\d|\+1500555\d{4}")  # numbers for films, and Twilio's magic ones
_EMAIL_SHAPE = re.compile(r"(.?).*@([^@]+\.[^@]+)", re.DOTALL)
_PHONE_SHAPE = re.compile(r"\+?[\d\s().-]{7,}")
_TWINS = ("phone", "whatsapp")


class InvalidAddress(ValueError):
    """A value that is no address of its kind. `code` is stable (`invalid_email`), the text is a sentence for people."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.code = f"invalid_{kind}"


def normalise(kind: str, value: object, *, region: str = "CA") -> str:
    """The normal form of `value` as an identifier of `kind`: email, phone, whatsapp, social or chat.

    `region` (ISO 3166) is assumed for a phone number without country code. Raises `InvalidAddress`.
    The result normalises to itself.
    """
    kind = str(kind)
    text = _plain_text(kind, value)
    match kind:
        case "email":
            return _email(text)
        case "phone":
            return _phone(kind, text, region)
        case "whatsapp":
            return _phone(kind, _after_scheme(text), region)
        case "social" | "chat":
            return _handle(kind, text)
    raise InvalidAddress("kind", f"“{kind}” is not a kind of address.")


def mask(value: str) -> str:
    """`value` fit for a log: a phone's last four digits, an e-mail's first letter and domain."""
    if match := _EMAIL_SHAPE.fullmatch(value):
        return f"{match[1]}***@{match[2]}"
    if _PHONE_SHAPE.fullmatch(value.strip()):
        return "***" + re.sub(r"\D", "", value)[-4:]
    return "***" + value[-4:] if len(value) >= 12 else "***"


def twin_kinds(kind: str) -> tuple[str, ...]:
    """The kinds under which one value means one person, `kind` first: a WhatsApp number is a phone, and the reverse."""
    kind = str(kind)
    return (kind, *(twin for twin in _TWINS if twin != kind)) if kind in _TWINS else (kind,)


def time_zone_of(phone: str) -> str | None:
    """The IANA time zone of an E.164 number; None where it does not tell (many ranges span several)."""
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(phone))
    except NumberParseException:
        return None
    return zones[0] if len(zones) == 1 and zones[0] != "Etc/Unknown" else None


def _plain_text(kind: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidAddress(kind, "An address has to be text.")
    text = value.strip()
    if not text:
        raise InvalidAddress(kind, "An address cannot be empty.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text[: _MAX_EMAIL + 1]):
        raise InvalidAddress(kind, "An address cannot contain control characters.")
    return text


def _email(text: str) -> str:
    if len(text) > _MAX_EMAIL:
        raise InvalidAddress("email", f"An e-mail address has at most {_MAX_EMAIL} characters.")
    # `.invalid` is reserved, as `.test` is: the validator lets only the latter through, and demo data live under both
    reserved = text.lower().endswith(".invalid")
    candidate = text[: -len("invalid")] + "test" if reserved else text
    try:
        found = validate_email(candidate, check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError) as error:
        raise InvalidAddress("email", f"This is not an e-mail address: {error}") from error
    domain = found.ascii_domain.lower()
    if "." not in domain:
        raise InvalidAddress("email", "The part after the @-sign should have a period.")
    domain = domain.removesuffix("test") + "invalid" if reserved else domain
    return f"{unicodedata.normalize('NFC', found.local_part.lower())}@{domain}"


def _phone(kind: str, text: str, region: str) -> str:
    # the parser looks for a number anywhere in a text, even in "room 4, then 416 …": an address must begin with it
    if len(text) > _MAX_PHONE_TEXT or not _PHONE_START.match(text):
        raise InvalidAddress(kind, "This is not a phone number.")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise InvalidAddress(kind, "This is not a phone number.") from error
    number.extension = None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    usable = phonenumbers.is_valid_number(number) or bool(_FICTION.fullmatch(e164))
    if not (phonenumbers.is_possible_number(number) and usable):
        raise InvalidAddress(kind, "No such phone number can exist.")
    return e164


def _after_scheme(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    return rest.strip() if colon and scheme.lower() == "whatsapp" else text


def _handle(kind: str, text: str) -> str:
    if len(text) > _MAX_HANDLE:
        raise InvalidAddress(kind, f"An address has at most {_MAX_HANDLE} characters.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise InvalidAddress(kind, "An address cannot contain control characters.")
    return text
