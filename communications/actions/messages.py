"""Taking messages on: one door out, and it is plural. What is refused leaves nothing behind; what is taken is a row."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from communications import wake
from communications.actions.schemas import current_version
from communications.choices import CHANNEL_OF_METHOD, DecisionKind, DeliveryMethod, MessageStatus, Reason
from communications.content import Content, render_sms, text_content
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchema, MessageSchemaVersion, SendBatch
from communications.models.send_batch import MOST_ROWS
from communications.providers import registry
from communications.rendering.variables import common_variables
from communications.sending.log import show_delivery
from config.accounts.models import User
from config.db import copy_rows
from config.db import now as database_now
from config.numbers import take_numbers
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel, Purpose
from customers.identity.identify import adopt_address, identify
from customers.identity.normalise import InvalidAddress, normalise
from customers.models import Appointment, Customer, CustomerIdentifier, Employee
from interactions.actions.conversations import reopen_if_idle
from interactions.actions.record import Reply, record_reply
from interactions.models import Conversation

VersionOf = Callable[[MessageSchema, str], MessageSchemaVersion]


@dataclass(frozen=True, kw_only=True)
class MessageRequest:
    """What somebody wants sent, to a customer, an employee or a raw address.

    An empty `recipient` means the person's own address for the template's channel. `variables` win over derived ones.
    """

    schema: MessageSchema
    customer: Customer | None = None
    employee: Employee | None = None
    recipient: str = ""
    recipient_name: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    appointment: Appointment | None = None
    conversation: Conversation | None = None
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None
    purpose: Purpose | None = None
    resend_of: MessageData | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def send_message(request: MessageRequest, *, by: User | None = None) -> MessageData:
    """Take one message on. Raises SendRefused."""
    return send_messages([request], by=by)[0]


@transaction.atomic
def send_messages(requests: Sequence[MessageRequest], *, by: User | None = None) -> list[MessageData]:
    """Take messages on, all or none: rows in bulk, grouped into batches, then somebody is woken. Raises SendRefused."""
    version_of = cache(_version)  # asked once for each template and language, however many people
    order = sorted(range(len(requests)), key=lambda place: _meeting_order(requests[place]))
    made = {place: _row(requests[place], by, version_of) for place in order}
    rows = [made[place] for place in range(len(requests))]
    _number(rows)
    _into_batches(rows)
    copy_rows(rows)
    return rows


@transaction.atomic
def reply_to_conversation(
    conversation: Conversation, *, text: str, by: User | None = None, metadata: Mapping[str, Any] | None = None
) -> MessageData:
    """Answer in the thread, on its latest channel. Without `by` the system speaks. Raises SendRefused.

    A conversation that was closed only for idleness opens again: Monday's answer belongs to Friday's question.
    """
    customer = Customer.objects.locked(conversation.customer_id)
    conversation = Conversation.objects.locked(conversation.pk)
    reopen_if_idle(conversation)
    channel = Channel(conversation.channel)
    provider, sender = _line(channel)
    content = text_content(text)
    recipient = _last_address(conversation, channel) or _own_address(customer, channel)
    message = record_reply(
        Reply(
            channel=channel,
            line="whatsapp" if channel == Channel.WHATSAPP else provider,
            sender=sender,
            recipient=recipient,
            content=text,
            segments=content.segments,
            encoding=content.data["encoding"],
            employee=Employee.objects.filter(user=by).first() if by else None,
        ),
        conversation=conversation,
    )
    row = MessageData(
        customer=customer,
        conversation=conversation,
        interaction=message.interaction,
        message=message,
        recipient=recipient,
        recipient_name=customer.display_name,
        message_delivery_method=_method(channel),
        provider=provider,
        sender=sender,
        language=customer.language,
        created_by=by,
        max_retries=settings.SEND_MAX_RETRIES,
        metadata=dict(metadata or {}),
        **content.columns(recipient),
    )
    _number([row])
    _into_batches([row])
    row.save(force_insert=True)
    return row


@transaction.atomic
def withdraw_message(message_id: UUID, *, reason: Reason = Reason.WITHDRAWN) -> bool:
    """Cancel a message that no call was begun for. False when it is too late."""
    row = _held_back(message_id)
    if row is None:
        return False
    row.status, row.decision_reason, row.decided_ts = MessageStatus.CANCELLED, reason, database_now()
    row.save(update_fields=["status", "decision_reason", "decided_ts", "updated_ts"])
    show_delivery([row])
    return True


def _held_back(message_id: UUID) -> MessageData | None:
    """The message under the lock of its batch, which no slice leaves without; None when its call has begun or is over."""
    while row := MessageData.objects.unsettled().filter(pk=message_id).first():
        batch = SendBatch.objects.select_for_update(no_key=True).filter(messages=row).first()
        row = MessageData.objects.unsettled().select_for_update(no_key=True).filter(pk=message_id).first()
        if row is None or batch is None or row.batch_id == batch.pk:
            return None if row and batch and row.pk in batch.in_flight else row
    return None


def _row(request: MessageRequest, by: User | None, version_of: VersionOf) -> MessageData:
    schema = request.schema
    channel = CHANNEL_OF_METHOD[DeliveryMethod(schema.message_delivery_method)]
    provider, default_sender = _line(channel)
    customer, recipient = _addressee(request, channel)
    if request.appointment and (customer is None or request.appointment.customer_id != customer.pk):
        raise SendRefused("foreign_appointment", "The appointment is somebody else's.", attr="appointment")
    addressee = customer or request.employee
    language = addressee.language if addressee else ""
    version = version_of(schema, language)
    content = _render(request, version, customer, language)
    return MessageData(
        message_schema=schema,
        schema_version=version,
        customer=customer,
        employee=request.employee,
        appointment=request.appointment,
        conversation=request.conversation,
        resend_of=request.resend_of,
        recipient=recipient,
        recipient_name=request.recipient_name or _name_of(customer, request.employee),
        message_delivery_method=schema.message_delivery_method,
        purpose=request.purpose or schema.purpose,
        provider=provider,
        sender=version.sms_sender_id or default_sender,
        language=version.language,
        metadata=dict(request.metadata),
        created_by=by,
        max_retries=settings.SEND_MAX_RETRIES,
        **_times(request, schema),
        **content.columns(recipient),
    )


def _addressee(request: MessageRequest, channel: Channel) -> tuple[Customer | None, str]:
    """Who gets it and where. Somebody unknown becomes a customer, so that the message has a timeline."""
    if request.employee:
        return None, _employee_address(request, channel)
    if request.customer:
        return request.customer, _normal(channel, request.recipient) if request.recipient else _own_address(
            request.customer, channel
        )
    if not request.recipient:
        raise SendRefused("no_recipient", "Name a customer, an employee or an address.", attr="recipient")
    recipient = _normal(channel, request.recipient)
    return identify(channel, recipient, request.recipient_name), recipient


def _meeting_order(request: MessageRequest) -> str:
    """Strangers are met in the order of their addresses: two calls with the same ones never wait for each other in a ring."""
    channel = CHANNEL_OF_METHOD[DeliveryMethod(request.schema.message_delivery_method)]
    address = request.recipient or (_on_his_card(request.customer, channel) if request.customer else "")
    kind = IDENTIFIER_OF_CHANNEL.get(channel)
    try:
        return normalise(kind, address, region=settings.PHONE_REGION) if kind else address
    except InvalidAddress:
        return address


def _employee_address(request: MessageRequest, channel: Channel) -> str:
    employee = request.employee
    own = "" if employee is None else (employee.email if channel == Channel.EMAIL else employee.phone)
    if not (request.recipient or own):
        raise SendRefused("no_address", f"This employee has no address for {channel.label}.", attr="employee")
    return _normal(channel, request.recipient or own)


def _normal(channel: Channel, address: str) -> str:
    try:
        return normalise(IDENTIFIER_OF_CHANNEL[channel], address, region=settings.PHONE_REGION)
    except InvalidAddress as error:
        raise SendRefused(error.code, str(error), attr="recipient") from error


def _own_address(customer: Customer, channel: Channel) -> str:
    """The customer's address for the channel: a verified one first, then the oldest, then the one on his card."""
    kind = IDENTIFIER_OF_CHANNEL[channel]
    own = CustomerIdentifier.objects.filter(customer=customer, identifier_type=kind).order_by("-verified", "created_at")
    found = own.values_list("identifier_value", flat=True).first()
    if found:
        return found
    card = _on_his_card(customer, channel)
    if not card:
        raise SendRefused("no_address", f"This customer has no address for {channel.label}.", attr="customer")
    address = _normal(channel, card)
    adopt_address(customer, channel, address)  # so that his answer leads back to him
    return address


def _on_his_card(customer: Customer, channel: Channel) -> str:
    return {Channel.EMAIL: customer.primary_email or "", Channel.SMS: customer.phone}.get(channel, "")


def _last_address(conversation: Conversation, channel: Channel) -> str:
    """Where the customer last wrote from in this conversation: the answer goes back there."""
    from interactions.models import SmsDetails

    details = SmsDetails.objects.filter(
        message__conversation=conversation, message__channel=channel, message__direction="inbound"
    )
    last = details.order_by("-message__created_at").values_list("from_number", flat=True).first()
    return _normal(channel, last) if last else ""


def _line(channel: Channel) -> tuple[str, str]:
    """Provider and sender for a channel."""
    provider = registry.name_for(channel)
    if provider is None:
        raise SendRefused("method_not_supported", f"Nothing sends on {channel.label} yet.", attr="message_schema")
    return provider, settings.TWILIO_FROM_NUMBER


def _version(schema: MessageSchema, language: str) -> MessageSchemaVersion:
    usable = MessageSchema.objects.usable().filter(pk=schema.pk).exists()
    version = current_version(schema, language=language) if usable else None
    if version is None:
        raise SendRefused("schema_not_usable", f"The template {schema.code} is not published.", attr="message_schema")
    return version


def _render(
    request: MessageRequest, version: MessageSchemaVersion, customer: Customer | None, language: str
) -> Content:
    variables = common_variables(
        customer=customer,
        employee=request.employee or (request.appointment.employee if request.appointment else None),
        appointment=request.appointment,
        time_zone=customer.time_zone if customer else settings.TIME_ZONE,
        language=version.language or language,
        extra=request.variables,
    )
    return render_sms(version, variables)


def _times(request: MessageRequest, schema: MessageSchema) -> dict[str, Any]:
    """When it leaves and until when it may. A time that has passed means now."""
    at = timezone.now()
    scheduled = request.scheduled_at if request.scheduled_at and request.scheduled_at > at else None
    validity = timedelta(seconds=schema.validity_seconds) if schema.validity_seconds else None
    expires = request.expires_at or (validity and (scheduled or at) + validity)
    if expires and expires <= (scheduled or at):
        raise SendRefused("expired", "It would expire before it is sent.", attr="expires_ts")
    times = {"scheduled_ts": scheduled, "expires_ts": expires}
    if not scheduled:
        return {**times, "status": MessageStatus.PENDING}
    held = {"decision": DecisionKind.HOLD, "decision_reason": Reason.SCHEDULED, "decided_ts": at}
    return {**times, **held, "status": MessageStatus.SCHEDULED}


def _name_of(customer: Customer | None, employee: Employee | None) -> str:
    return (customer.display_name if customer else "") or (employee.name if employee else "")


def _method(channel: Channel) -> DeliveryMethod:
    return next(method for method, each in CHANNEL_OF_METHOD.items() if each == channel)


def _number(rows: Sequence[MessageData]) -> None:
    for row, number in zip(rows, take_numbers("MSG", count=len(rows)), strict=True):
        row.message_number = number


def _into_batches(rows: Sequence[MessageData]) -> None:
    """Rows that are due together, alike in channel, provider, purpose and version, share a batch of up to 1,000."""
    groups: dict[tuple[Any, ...], list[MessageData]] = defaultdict(list)
    for row in rows:
        groups[
            (row.message_delivery_method, row.provider, row.purpose, row.schema_version_id, row.scheduled_ts)
        ].append(row)
    at = database_now()
    for (method, provider, purpose, version_id, scheduled), members in groups.items():
        for start in range(0, len(members), MOST_ROWS):
            part = members[start : start + MOST_ROWS]
            batch = SendBatch.objects.create(
                channel=CHANNEL_OF_METHOD[DeliveryMethod(method)],
                provider=provider,
                purpose=purpose,
                schema_version_id=version_id,
                due_at=scheduled or at,
                row_count=len(part),
            )
            for row in part:
                row.batch = batch
        if not scheduled:
            wake.sender(purpose)
