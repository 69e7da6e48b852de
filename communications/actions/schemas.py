"""Templates: every save makes an immutable version; an error is shown at save time, with its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion, TrackedLink
from communications.models.schema import SchemaContent
from communications.rendering.email import compile_email
from communications.rendering.problems import TemplateProblem
from communications.rendering.push import compile_push
from communications.rendering.sms import compile_sms
from config.accounts.models import User
from config.numbers import take_code
from customers.choices import Purpose

_CONTENT = [field.name for field in SchemaContent._meta.get_fields()]


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What an author wrote, and what the version will be used for. Without `campaign` opens and clicks are not followed."""

    template_schema: Mapping[str, Any]
    subject: str = ""
    preview_text: str = ""
    purpose: str = Purpose.TRANSACTIONAL
    language: str = "en"
    campaign: str | None = None


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
    made = _make(schema.message_delivery_method, _written(schema))
    if not schema.code:
        schema.code = _free_code(f"MSG-SCHEMA-{(schema.category or 'GENERAL').upper()}")
        made = _make(schema.message_delivery_method, _written(schema))  # its links carry the code
    schema.template_schema = made.template_schema
    if schema._state.adding:
        schema.version = 1
    else:
        MessageSchema.objects.select_for_update().get(pk=schema.pk)
        latest = schema.versions.aggregate(latest=Max("version"))["latest"] or 0
        schema.version = latest + 1
    schema.save()
    version = MessageSchemaVersion.objects.create(
        message_schema=schema,
        version=schema.version,
        language=schema.default_language,
        variables=schema.template_schema.get("variables", []),
        compiled=made.compiled,
        created_by=by,
        **{name: getattr(schema, name) for name in _CONTENT},
    )
    targets = enumerate(made.compiled.get("links", ()), start=1)
    TrackedLink.objects.bulk_create([TrackedLink(schema_version=version, position=n, target=t) for n, t in targets])
    return version


def compile_content(
    method: str, template_schema: Mapping[str, Any], *, subject: str = "", preview_text: str = ""
) -> dict[str, Any]:
    """`template_schema` checked and with its derived values. Raises TemplateProblem naming field and place."""
    written = _Written(template_schema=template_schema, subject=subject, preview_text=preview_text)
    return _make(method, written).template_schema


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


def _written(schema: MessageSchema) -> _Written:
    """Opens and clicks are followed unless `metadata` says `"tracking": false`."""
    return _Written(
        template_schema=schema.template_schema,
        subject=schema.subject,
        preview_text=schema.preview_text,
        purpose=schema.purpose,
        language=schema.default_language,
        campaign=schema.code if schema.metadata.get("tracking", True) else None,
    )


def _make(method: str, written: _Written) -> _Made:
    maker = _MAKERS.get(method)
    if maker is None:
        raise TemplateProblem(f"Templates for {method} cannot be made yet.", field="message_delivery_method")
    return maker(written)


def _make_sms(written: _Written) -> _Made:
    return _Made(template_schema=compile_sms(written.template_schema))


def _make_push(written: _Written) -> _Made:
    return _Made(template_schema=compile_push(written.template_schema))


def _make_email(written: _Written) -> _Made:
    email = compile_email(**vars(written))
    return _Made(template_schema={**written.template_schema, "variables": email.variables}, compiled=email.as_json())


_MAKERS: Mapping[str, Callable[[_Written], _Made]] = {
    DeliveryMethod.SMS: _make_sms,
    DeliveryMethod.EMAIL: _make_email,
    DeliveryMethod.PUSH: _make_push,
}
