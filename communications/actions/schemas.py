"""Templates: every save makes an immutable version; an error is shown at save time, with its place.

A template has a variant for each language it is written in. The row holds the default language's content; any other
variant is nothing but its versions. Versions are numbered over the whole template, whatever their language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Case, Max, Value, When
from django.utils import timezone

from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion, TrackedLink
from communications.models.schema import SchemaContent
from communications.rendering.email import compile_email
from communications.rendering.languages import canonical, widening
from communications.rendering.problems import TemplateProblem
from communications.rendering.push import compile_push
from communications.rendering.sms import compile_sms
from communications.rendering.whatsapp import compile_whatsapp
from communications.rendering.writable import check_writable
from config.accounts.models import User
from config.numbers import take_code

LONGEST_SUBJECT = 500  # characters; a header's line has 998 octets at most (RFC 5322)
#: What a person writes, and each variant has of its own.
CONTENT = tuple(each.name for each in SchemaContent._meta.get_fields())


class StaleVersion(Exception):
    """A change was made of a version that is no longer the newest."""


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """What is to be made: words, and the template and the language that they are for."""

    schema: MessageSchema
    written: SchemaContent
    language: str
    code: str

    @property
    def campaign(self) -> str | None:
        """What links are followed under. Opens and clicks are not, where `metadata` says `"tracking": false`."""
        return self.code or None if self.schema.metadata.get("tracking", True) else None


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
    language = _language(schema.default_language, "default_language")
    code = schema.code or _free_code(f"MSG-SCHEMA-{(schema.category or 'GENERAL').upper()}")
    draft = _Draft(schema=schema, written=schema, language=language, code=code)
    made = _make(draft)
    schema.template_schema, schema.default_language, schema.code = made.template_schema, language, code
    schema.version = 1 if schema._state.adding else _next_number(schema)
    schema.save()
    return _add_version(draft, made, by=by)


@transaction.atomic
def change_schema(
    schema: MessageSchema, changes: Mapping[str, Any], *, version: int | None = None, by: User | None = None
) -> MessageSchema:
    """Store `changes` to `schema` as its next version, made of what stands now.

    Raises TemplateProblem; StaleVersion where `version` is given and is no longer the newest. Nothing is stored then.
    """
    current = MessageSchema.objects.select_for_update().get(pk=schema.pk)
    if version is not None and current.version != version:
        raise StaleVersion
    for name, value in changes.items():
        setattr(current, name, value)
    save_schema(current, by=by)
    return current


def retire_schema(schema: MessageSchema) -> None:
    """Nothing more is sent of it; versions and messages stay. A repeat changes nothing."""
    now = timezone.now()
    active = MessageSchema.objects.filter(pk=schema.pk, active_flag=True)
    active.update(active_flag=False, to_ts=now, updated_ts=now)


@transaction.atomic
def save_variant(
    schema: MessageSchema, *, language: str, content: Mapping[str, Any], by: User | None = None
) -> MessageSchemaVersion:
    """Store the next version of `schema` in `language`. Raises TemplateProblem, nothing stored.

    `content` names fields of CONTENT; what it does not name stays as the customers of that language have it today.
    """
    tag = _language(language, "language")
    if tag == schema.default_language:
        for name, value in content.items():
            setattr(schema, name, value)
        return save_schema(schema, by=by)
    number = _next_number(schema)
    written = MessageSchemaVersion(**content_of(current_version(schema, language=tag) or schema) | dict(content))
    draft = _Draft(schema=schema, written=written, language=tag, code=schema.code)
    made = _make(draft)
    schema.version, schema.updated_ts = number, timezone.now()
    MessageSchema.objects.filter(pk=schema.pk).update(version=number, updated_ts=schema.updated_ts)
    return _add_version(draft, made, by=by)


@transaction.atomic
def restore_version(version: MessageSchemaVersion, *, by: User | None = None) -> MessageSchemaVersion:
    """An old version's content as the newest of its language, compiled by today's rules. Raises TemplateProblem."""
    schema = MessageSchema.objects.select_for_update().get(pk=version.message_schema_id)
    return save_variant(schema, language=version.language, content=content_of(version), by=by)


def compile_content(method: str, template_schema: Mapping[str, Any], **texts: str) -> dict[str, Any]:
    """`template_schema` checked and with its derived values. Raises TemplateProblem naming field and place.

    `texts` are other fields of the content that belong to it: subject, preview_text, whatsapp_template_id.
    """
    schema = MessageSchema(message_delivery_method=method, template_schema=template_schema, **texts)
    return _make(_Draft(schema=schema, written=schema, language=schema.default_language, code="")).template_schema


def content_of(source: SchemaContent) -> dict[str, Any]:
    """What a person wrote into a template or a version of one."""
    return {name: getattr(source, name) for name in CONTENT}


def current_version(schema: MessageSchema, *, language: str = "") -> MessageSchemaVersion | None:
    """The latest version in `language` (fr-CA, else fr), else in the schema's default language."""
    wanted = dict.fromkeys((*widening(language), schema.default_language))
    rank = Case(*(When(language=each, then=Value(place)) for place, each in enumerate(wanted)))
    return schema.versions.filter(language__in=wanted).order_by(rank, "-version").first()


def variants(schema: MessageSchema) -> list[MessageSchemaVersion]:
    """The latest version in each language, the default one first."""
    latest = schema.versions.order_by("language", "-version").distinct("language").defer("compiled")
    return sorted(latest, key=lambda version: (version.language != schema.default_language, version.language))


def _language(tag: str, name: str) -> str:
    try:
        return canonical(tag)
    except TemplateProblem as problem:
        raise problem.in_field(name) from problem


def _next_number(schema: MessageSchema) -> int:
    """Under the template's lock, so that saves of one template at once make one version each."""
    MessageSchema.objects.select_for_update().get(pk=schema.pk)
    return (schema.versions.aggregate(latest=Max("version"))["latest"] or 0) + 1


def _add_version(draft: _Draft, made: _Made, *, by: User | None) -> MessageSchemaVersion:
    version = MessageSchemaVersion.objects.create(
        message_schema=draft.schema,
        version=draft.schema.version,
        language=draft.language,
        variables=made.template_schema.get("variables", []),
        compiled=made.compiled,
        created_by=by,
        **content_of(draft.written) | {"template_schema": made.template_schema},
    )
    targets = enumerate(made.compiled.get("links", ()), start=1)
    TrackedLink.objects.bulk_create([TrackedLink(schema_version=version, position=n, target=t) for n, t in targets])
    return version


def _free_code(prefix: str) -> str:
    """The next code of the family; one that somebody wrote by hand is passed over."""
    code = take_code(prefix)
    while MessageSchema.objects.filter(code=code).exists():
        code = take_code(prefix)
    return code


def _make(draft: _Draft) -> _Made:
    method = draft.schema.message_delivery_method
    maker = _MAKERS.get(method)
    if maker is None:
        raise TemplateProblem(f"Templates for {method} cannot be made yet.", field="message_delivery_method")
    for name, value in content_of(draft.written).items():
        check_writable(value, "" if name == "template_schema" else name)
    return maker(draft)


def _make_sms(draft: _Draft) -> _Made:
    return _Made(template_schema=compile_sms(draft.written.template_schema))


def _make_whatsapp(draft: _Draft) -> _Made:
    written = draft.written
    return _Made(template_schema=compile_whatsapp(written.template_schema, template_id=written.whatsapp_template_id))


def _make_push(draft: _Draft) -> _Made:
    return _Made(template_schema=compile_push(draft.written.template_schema))


def _make_email(draft: _Draft) -> _Made:
    written = draft.written
    email = compile_email(
        written.template_schema,
        subject=written.subject,
        preview_text=written.preview_text,
        purpose=draft.schema.purpose,
        language=draft.language,
        campaign=draft.campaign,
    )
    if not written.subject.strip() and draft.schema.status == MessageSchema.Status.PUBLISHED:
        raise TemplateProblem("An e-mail needs a subject before it is published.", field="subject")
    if len(written.subject) > LONGEST_SUBJECT:
        raise TemplateProblem(f"A subject has at most {LONGEST_SUBJECT} characters.", field="subject")
    return _Made(template_schema={**written.template_schema, "variables": email.variables}, compiled=email.as_json())


_MAKERS: Mapping[str, Callable[[_Draft], _Made]] = {
    DeliveryMethod.SMS: _make_sms,
    DeliveryMethod.WHATSAPP: _make_whatsapp,
    DeliveryMethod.EMAIL: _make_email,
    DeliveryMethod.PUSH: _make_push,
}
