"""A template as a person would see it, before anything is sent: what is missing is named and a sample stands for it.

It renders by the same functions as sending does. A version shows what was compiled when it was saved, a draft what
saving it now would make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.models.schema import SchemaContent
from communications.rendering.email import CompiledEmail, compile_email
from communications.rendering.looks import EmailLook, Look, PushLook, Shown, SmsLook, WhatsAppLook
from communications.rendering.plain import compile_message
from communications.rendering.problems import MissingVariables, TemplateProblem
from communications.rendering.push import push_texts
from communications.rendering.samples import Specimen, planted, reserved, root_of, samples_of
from communications.rendering.variables import common_variables
from customers.models import Appointment, Customer, Employee

_MOST_ROUNDS = 20  # a value may open a condition behind which the next one is missing


class Origin(StrEnum):
    GIVEN = "given"
    SAMPLE = "sample"
    LEFT_OUT = "left out"  # the template does without


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One path that the template reads, with what stands for it."""

    name: str
    value: str
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`shown` is the look of its method; for each of `missing` a send would be refused."""

    source: SchemaContent
    method: DeliveryMethod
    language: str
    shown: Shown
    variables: tuple[Variable, ...]
    missing: tuple[str, ...]


def preview(
    source: MessageSchema | MessageSchemaVersion,
    *,
    customer: Customer | None = None,
    employee: Employee | None = None,
    appointment: Appointment | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Preview:
    """`source` for that customer; without one, everything that is not given is a sample. Raises TemplateProblem."""
    schema = source.message_schema if isinstance(source, MessageSchemaVersion) else source
    language = source.language if isinstance(source, MessageSchemaVersion) else source.default_language
    facts = common_variables(
        customer=customer,
        employee=employee or (appointment.employee if appointment else None),
        appointment=appointment,
        time_zone=customer.time_zone if customer else None,
        language=language,
        extra=variables,
    )
    method = DeliveryMethod(schema.message_delivery_method)
    look = _look(method, source, schema, phone=customer.phone if customer else "")
    shown, missing = _shown(look, facts, sampled=customer is None)
    names = [name for name in look.variables if root_of(name) not in reserved()]
    told = tuple(_told(name, facts, name in missing or customer is None) for name in names)
    return Preview(source=source, method=method, language=language, shown=shown, variables=told, missing=missing)


def _shown(look: Look, facts: Mapping[str, Any], *, sampled: bool) -> tuple[Shown, tuple[str, ...]]:
    """How it looks, and what a send with nothing but `facts` would miss."""
    shown, missing = _filled(look, {**facts, **reserved()})
    if sampled:
        try:
            shown, _ = _filled(look, {**samples_of(look.variables, addresses=look.addresses), **facts, **reserved()})
        except TemplateProblem:  # it wants a number, which no sample is: then only what is certainly shown
            return shown, missing
    return shown, missing


def _filled(look: Look, values: Mapping[str, Any]) -> tuple[Shown, tuple[str, ...]]:
    missing: dict[str, None] = {}
    for _ in range(_MOST_ROUNDS):
        try:
            return look.show(values), tuple(missing)
        except MissingVariables as error:
            missing.update(dict.fromkeys(error.names))
            for name in error.names:
                values = planted(values, name, addresses=look.addresses)
    raise TemplateProblem(f"No value for: {', '.join(missing)}.")


def _told(name: str, facts: Mapping[str, Any], sampled: bool) -> Variable:
    value: Any = facts
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is not None:
        return Variable(name=name, value=str(value), origin=Origin.GIVEN)
    if sampled:
        return Variable(name=name, value=str(Specimen(name.rpartition(".")[2])), origin=Origin.SAMPLE)
    return Variable(name=name, value="", origin=Origin.LEFT_OUT)


def _look(method: DeliveryMethod, source: SchemaContent, schema: MessageSchema, *, phone: str) -> Look:
    match method:
        case DeliveryMethod.EMAIL:
            return EmailLook(_compiled_email(source, schema), preview_text=source.preview_text)
        case DeliveryMethod.SMS:
            return SmsLook(compile_message(source.template_schema), phone=phone)
        case DeliveryMethod.WHATSAPP:
            compiled = compile_message(source.template_schema)
            return WhatsAppLook(compiled, template_id=source.whatsapp_template_id)
        case DeliveryMethod.PUSH:
            return PushLook(push_texts(source.template_schema))


def _compiled_email(source: SchemaContent, schema: MessageSchema) -> CompiledEmail:
    if isinstance(source, MessageSchemaVersion) and source.compiled:
        return CompiledEmail(**source.compiled)
    return compile_email(
        source.template_schema,
        subject=source.subject,
        preview_text=source.preview_text,
        purpose=schema.purpose,
        language=schema.default_language,
    )
