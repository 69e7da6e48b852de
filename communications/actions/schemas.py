"""Templates: every save makes an immutable version; an error is shown at save time, with its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.models.schema import SchemaContent
from communications.rendering.email import compile_email
from communications.rendering.problems import TemplateProblem
from communications.rendering.push import compile_push
from communications.rendering.sms import compile_sms
from config.accounts.models import User
from config.numbers import take_code

_CONTENT = [field.name for field in SchemaContent._meta.get_fields()]


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A template's content with its derived values, and what a version keeps as `compiled`."""

    template_schema: dict[str, Any]
    compiled: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def save_schema(schema: MessageSchema, *, by: User | None = None) -> MessageSchemaVersion:
    """Store `schema` (new or changed) and its next version. Raises TemplateProblem, nothing stored.

    Derived values in `template_schema` (encoding, counts, variables) are made anew, never believed. Without a code it
    gets the next of its category (`MSG-SCHEMA-APPT-001`).
    """
    made = _make(
        schema.message_delivery_method,
        schema.template_schema,
        subject=schema.subject,
        preview_text=schema.preview_text,
    )
    schema.template_schema = made.template_schema
    if not schema.code:
        schema.code = _free_code(f"MSG-SCHEMA-{(schema.category or 'GENERAL').upper()}")
    if schema._state.adding:
        schema.version = 1
    else:
        MessageSchema.objects.select_for_update().get(pk=schema.pk)
        latest = schema.versions.aggregate(latest=Max("version"))["latest"] or 0
        schema.version = latest + 1
    schema.save()
    return MessageSchemaVersion.objects.create(
        message_schema=schema,
        version=schema.version,
        language=schema.default_language,
        variables=schema.template_schema.get("variables", []),
        compiled=made.compiled,
        created_by=by,
        **{name: getattr(schema, name) for name in _CONTENT},
    )


def compile_content(
    method: str, template_schema: Mapping[str, Any], *, subject: str = "", preview_text: str = ""
) -> dict[str, Any]:
    """`template_schema` checked and with its derived values. Raises TemplateProblem naming field and place."""
    return _make(method, template_schema, subject=subject, preview_text=preview_text).template_schema


def current_version(schema: MessageSchema, *, language: str = "") -> MessageSchemaVersion | None:
    """The latest version in `language` (fr-CA, else fr), else in the schema's default language."""
    versions = schema.versions.order_by("-version")
    wanted = dict.fromkeys((language, language.split("-", maxsplit=1)[0], schema.default_language))
    found = (versions.filter(language=each).first() for each in wanted if each)
    return next((version for version in found if version), None)


def _free_code(prefix: str) -> str:
    """The next code of the family; one that somebody wrote by hand is passed over."""
    code = take_code(prefix)
    while MessageSchema.objects.filter(code=code).exists():
        code = take_code(prefix)
    return code


def _make(method: str, template_schema: Mapping[str, Any], *, subject: str, preview_text: str) -> _Made:
    maker = _MAKERS.get(method)
    if maker is None:
        raise TemplateProblem(f"Templates for {method} cannot be made yet.", field="message_delivery_method")
    return maker(template_schema, subject, preview_text)


def _make_sms(template_schema: Mapping[str, Any], subject: str, preview_text: str) -> _Made:
    return _Made(template_schema=compile_sms(template_schema))


def _make_push(template_schema: Mapping[str, Any], subject: str, preview_text: str) -> _Made:
    return _Made(template_schema=compile_push(template_schema))


def _make_email(template_schema: Mapping[str, Any], subject: str, preview_text: str) -> _Made:
    email = compile_email(template_schema, subject=subject, preview_text=preview_text)
    return _Made(template_schema={**template_schema, "variables": email.variables}, compiled=email.as_json())


_MAKERS: Mapping[str, Callable[[Mapping[str, Any], str, str], _Made]] = {
    DeliveryMethod.SMS: _make_sms,
    DeliveryMethod.EMAIL: _make_email,
    DeliveryMethod.PUSH: _make_push,
}
