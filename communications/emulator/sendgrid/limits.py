"""What SendGrid refuses in a call to Mail Send: the shape, the limits and the sentences of its documentation."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from communications.emulator.sendgrid.errors import Refusal

MOST_PEOPLE = 1000
MOST_BYTES = 30 * 1024 * 1024
MOST_SUBSTITUTION_BYTES = 10_000
MOST_TAGS = 100
MOST_ARGUMENT_BYTES = 10_000
MOST_CATEGORIES = 10
RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
ADDRESS = re.compile(r"[^@\s<>,;]{1,64}@(?:[^@\s<>,;.]+\.)+[^@\s<>,;.]{2,}")

Object = Mapping[str, Any]


def check_call(payload: Any) -> None:
    """Everything but the people. Raises Refusal."""
    if not isinstance(payload, dict):
        raise Refusal("Bad Request")
    people = payload.get("personalizations")
    if not isinstance(people, list) or not people:
        raise Refusal(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
            about="-Personalizations-Errors",
        )
    if len(people) > MOST_PEOPLE:
        raise Refusal(f"There is a limit of {MOST_PEOPLE} personalizations per request.", "personalizations")
    _check_from(payload)
    if "template_id" in payload:
        raise Refusal("The template_id must be a valid template of this account.", "template_id")
    _check_subject(payload, people)
    _check_content(payload.get("content"))
    _check_headers(payload.get("headers"), "headers")
    check_arguments(payload.get("custom_args"), "custom_args")
    _check_categories(payload.get("categories"))


def _check_from(payload: Object) -> None:
    sender = payload.get("from")
    if not isinstance(sender, dict) or not sender.get("email"):
        raise Refusal(
            "The from object must be provided for every email send. It is an object that requires the email parameter, "
            "but may also contain a name parameter.",
            "from.email",
            about="message.from",
        )
    check_address(sender, "from")
    if payload.get("reply_to") is not None:
        check_address(payload["reply_to"], "reply_to")


def _check_subject(payload: Object, people: Iterable[Any]) -> None:
    if payload.get("subject") or all(isinstance(person, dict) and person.get("subject") for person in people):
        return
    raise Refusal(
        "The subject is required. You can get around this requirement if you use a template with a subject defined or "
        "if every personalization has a subject defined.",
        "subject",
        about="message.subject",
    )


def _check_content(content: Any) -> None:
    if not isinstance(content, list) or not content:
        raise Refusal(
            "Unless a valid template_id is provided, the content parameter is required. There must be at least one "
            "defined content block.",
            "content",
            about="message.content",
        )
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str) or not part["type"]:
            raise Refusal(
                "The content type must be a string at least one character in length.", f"content.{index}.type"
            )
        if not isinstance(part.get("value"), str) or not part["value"]:
            raise Refusal(
                "The content value must be a string at least one character in length.", f"content.{index}.value"
            )
    kinds = [part["type"] for part in content]
    if kinds != sorted(set(kinds), key=lambda kind: {"text/plain": 0, "text/html": 1}.get(kind, 2)):
        raise Refusal("If present, text/plain must be first, followed by text/html, each only once.", "content")


def _check_categories(categories: Any) -> None:
    if categories is None:
        return
    if not isinstance(categories, list) or len(categories) > MOST_CATEGORIES or len(set(categories)) < len(categories):
        raise Refusal(f"There is a limit of {MOST_CATEGORIES} categories per request, each only once.", "categories")
    if not all(isinstance(category, str) and len(category) <= 255 for category in categories):
        raise Refusal("The categories are strings of at most 255 characters.", "categories")


def addresses(person: Any, place: str, seen: set[str]) -> Iterator[str]:
    """Every address of a personalization, each allowed once in the whole call. Raises Refusal."""
    if not isinstance(person, dict) or not isinstance(person.get("to"), list) or not person["to"]:
        raise Refusal(
            "The to array is required for all personalization objects, and must have at least one email object with a "
            "valid email address.",
            f"{place}.to",
            about="message.personalizations.to",
        )
    for name in ("to", "cc", "bcc"):
        for index, entry in enumerate(person.get(name) or ()):
            address = check_address(entry, f"{place}.{name}.{index}")
            if address.lower() in seen:
                raise Refusal(
                    "Each email address in the personalization block should be unique between to, cc, and bcc. We found "
                    f"the first duplicate instance of [{address}] in the {place}.{name} field.",
                    place,
                )
            seen.add(address.lower())
            yield address


def check_address(entry: Any, place: str) -> str:
    address = entry.get("email") if isinstance(entry, dict) else None
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        raise Refusal("Does not contain a valid address.", f"{place}.email", about="message.personalizations.to")
    name = entry.get("name")
    if name and (not isinstance(name, str) or ";" in name or "," in name):
        raise Refusal("The name cannot contain a comma or a semicolon.", f"{place}.name")
    return address


def check_person(person: Object, place: str) -> None:
    """What a personalization may hold beside its addresses. Raises Refusal."""
    substitutions = person.get("substitutions")
    if substitutions is not None:
        _check_substitutions(substitutions, f"{place}.substitutions")
    check_arguments(person.get("custom_args"), f"{place}.custom_args")
    _check_headers(person.get("headers"), f"{place}.headers")
    if "dynamic_template_data" in person:
        raise Refusal("dynamic_template_data needs a dynamic template.", f"{place}.dynamic_template_data")
    if not isinstance(person.get("subject", ""), str):
        raise Refusal("The subject must be a string.", f"{place}.subject")


def _check_substitutions(given: Any, place: str) -> None:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refusal("Substitutions are an object of strings.", place, about="message.personalizations.substitutions")
    if len(given) > MOST_TAGS:
        raise Refusal(f"There is a limit of {MOST_TAGS} substitutions per personalization block.", place)
    if _bytes(given) > MOST_SUBSTITUTION_BYTES:
        raise Refusal(f"Substitutions are limited to {MOST_SUBSTITUTION_BYTES} bytes per personalization block.", place)


def check_arguments(given: Any, place: str) -> None:
    if given is None:
        return
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refusal("The custom_args values must be strings.", place, about="message.custom_args")
    if _bytes(given) >= MOST_ARGUMENT_BYTES:
        raise Refusal(f"The custom_args must be less than {MOST_ARGUMENT_BYTES} bytes.", place)


def _check_headers(given: Any, place: str) -> None:
    if given is None:
        return
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refusal("The headers are an object of strings.", place, about="message.headers")
    for name, value in given.items():
        if name.lower() in RESERVED:
            raise Refusal(f"The header {name} is reserved.", f"{place}.{name}", about="message.headers")
        if "\n" in value or "\r" in value or not name.isascii():
            raise Refusal(f"The header {name} cannot be sent.", f"{place}.{name}", about="message.headers")


def _bytes(texts: Mapping[str, str]) -> int:
    """Names and values in UTF-8."""
    both = "".join((*texts.keys(), *texts.values()))
    return len(both) if both.isascii() else len(both.encode())
