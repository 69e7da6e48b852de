"""Addresses: what can be sent to and from; the numbers that behave by themselves are in the package's docstring."""

import re
from collections.abc import Mapping

import phonenumbers

from communications.emulator.twilio.errors import ApiError

WHATSAPP = "whatsapp:"
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
# By the last seven digits: the states after acceptance and the carrier's code.
DELIVERED = (("sent", "delivered"), None)
OUTCOMES: Mapping[str, tuple[tuple[str, ...], int | None]] = {
    "5550197": (("sent",), None),
    "5550198": (("sent", "undelivered"), 30005),
    "5550199": (("failed",), 30003),
}
NANP = re.compile(r"\+1[2-9]\d{2}[2-9]\d{6}", re.ASCII)
SHORT_CODE = re.compile(r"\d{3,6}", re.ASCII)
ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}", re.ASCII)


def split(address: str) -> tuple[str, str]:
    """The channel's prefix ("" or "whatsapp:") and the rest."""
    if address.startswith(WHATSAPP):
        return WHATSAPP, address[len(WHATSAPP) :]
    return "", address


def normal(number: str) -> str | None:
    """E.164, or None for what cannot be a phone number. As at Twilio, a number without a country is a US one."""
    if NANP.fullmatch(number):
        return number
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def recipient(given: str) -> str:
    """The normalised To; raises the code that Twilio answers."""
    prefix, number = split(given.strip())
    found = normal(number)
    if found is None:
        raise ApiError(21211, given)
    if found in MAGIC_TO:
        raise ApiError(MAGIC_TO[found], given)
    return prefix + found


def sender(given: str) -> str:
    """The normalised From: a number, a short code or an alphanumeric name."""
    prefix, number = split(given.strip())
    if not prefix and (SHORT_CODE.fullmatch(number) or ALPHANUMERIC.fullmatch(number)):
        return number
    found = normal(number)
    if found is None:
        raise ApiError(21212, given)
    if found in MAGIC_FROM:
        raise ApiError(MAGIC_FROM[found], given)
    return prefix + found


def outcome(to: str) -> tuple[tuple[str, ...], int | None]:
    """The states a message to this number goes through, and the carrier's error at the end."""
    states, error = OUTCOMES.get(to[-7:], DELIVERED)
    if to.startswith(WHATSAPP) and states[-1] == "delivered":
        return (*states, "read"), error
    return states, error


def country(address: str) -> str:
    """ISO code, "" when unknown."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(split(address)[1])) or ""
    except phonenumbers.NumberParseException:
        return ""
