"""Templates: every save makes an immutable version; an error is shown at save time, with its place."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.models.schema import SchemaContent
from communications.rendering.problems import TemplateProblem
from communications.rendering.sms import compile_sms
from config.accounts.models import User
from config.numbers import take_code

_CONTENT = [field.name for field in SchemaContent._meta.get_fields()]
_COMPILERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {DeliveryMethod.SMS: compile_sms}


@transaction.atomic
def save_schema(schema: MessageSchema, *, by: User | None = None) -> MessageSchemaVersion:
    """Store `schema` (new or changed) and its next version. Raises TemplateProblem, nothing stored.

    Derived values in `template_schema` (encoding, counts, variables) are made anew, never believed. Without a code it
    gets the next of its category (`MSG-SCHEMA-APPT-001`).
    """
    schema.template_schema = compile_content(schema.message_delivery_method, schema.template_schema)
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
        created_by=by,
        **{name: getattr(schema, name) for name in _CONTENT},
    )


def compile_content(method: str, template_schema: Mapping[str, Any]) -> dict[str, Any]:
    """`template_schema` checked and with its derived values. Raises TemplateProblem naming field and place."""
    compiler = _COMPILERS.get(method)
    if compiler is None:
        raise TemplateProblem(f"Templates for {method} cannot be made yet.", field="message_delivery_method")
    return compiler(template_schema)


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
