"""Taking messages on: one door out, and it is plural. What is refused leaves nothing behind; what is taken is a row."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from communications.actions.addressing import Addressee, find_addressees, line_of, normal_address, own_address
from communications.actions.enqueue import put_into_batches
from communications.actions.message_request import MessageRequest
from communications.actions.schemas import current_version
from communications.choices import CHANNEL_OF_METHOD, DecisionKind, DeliveryMethod, MessageStatus, Reason
from communications.content import TEST, Content, render_content, text_content
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchema, MessageSchemaVersion, SendBatch
from communications.rendering.variables import common_variables
from communications.sending.log import show_delivery
from config.accounts.models import User
from config.db import copy_rows
from config.db import now as database_now
from customers.choices import Channel, Purpose
from customers.models import Customer, Employee
from interactions.actions.conversations import reopen_if_idle
from interactions.actions.record import Reply, record_reply
from interactions.models import Conversation

VersionOf = Callable[[MessageSchema, str], MessageSchemaVersion]


def send_message(request: MessageRequest, *, by: User | None = None) -> MessageData:
    """Take one message on. Raises SendRefused."""
    return send_messages([request], by=by)[0]


@transaction.atomic
def send_messages(requests: Sequence[MessageRequest], *, by: User | None = None) -> list[MessageData]:
    """Take messages on, all or none. Raises SendRefused, the first one's."""
    rows = []
    for taken in take_messages(requests, by=by):
        if isinstance(taken, SendRefused):
            raise taken
        rows.append(taken)
    return rows


@transaction.atomic
def take_messages(requests: Sequence[MessageRequest], *, by: User | None = None) -> list[MessageData | SendRefused]:
    """Take on what can be: for each request its row, or why not. Rows in bulk, grouped into batches; somebody is woken.

    A fixed number of statements, however many requests (but one for each template and language).
    """
    version_of = cache(_version)
    made: list[MessageData | SendRefused] = []
    for request, addressee in zip(requests, find_addressees(requests), strict=True):
        made.append(
            addressee if isinstance(addressee, SendRefused) else _row_or_not(request, addressee, by, version_of)
        )
    taken = [(request, row) for request, row in zip(requests, made, strict=True) if isinstance(row, MessageData)]
    put_into_batches([row for _, row in taken], [request.undo_seconds for request, _ in taken])
    copy_rows([row for _, row in taken])
    return made


@transaction.atomic
def reply_to_conversation(
    conversation: Conversation,
    *,
    text: str,
    by: User | None = None,
    metadata: Mapping[str, Any] | None = None,
    undo_seconds: int = 0,
) -> MessageData:
    """Answer in the thread, on its latest channel. Without `by` the system speaks. Raises SendRefused.

    A conversation that was closed only for idleness opens again: Monday's answer belongs to Friday's question.
    """
    customer = Customer.objects.locked(conversation.customer_id)
    conversation = Conversation.objects.locked(conversation.pk)
    reopen_if_idle(conversation)
    channel = Channel(conversation.channel)
    provider, sender = line_of(channel)
    content = text_content(text)
    recipient = _last_address(conversation, channel) or own_address(customer, channel)
    message = record_reply(
        Reply(
            channel=channel,
            line="whatsapp" if channel == Channel.WHATSAPP else provider,
            sender=sender,
            recipient=recipient,
            content=text,
            segments=content.segments or 1,
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
    put_into_batches([row], [undo_seconds])
    row.save(force_insert=True)
    return row


@transaction.atomic
def withdraw_message(message_id: UUID, *, reason: Reason = Reason.WITHDRAWN) -> bool:
    """Cancel a message that no call was begun for. False when it is too late.

    Whoever takes other locks besides takes the batch's before them (`lock_batch_of`), as the sender does.
    """
    row = _held_back(message_id)
    if row is None:
        return False
    row.status, row.decision, row.decision_reason = MessageStatus.CANCELLED, DecisionKind.SKIP, reason
    row.decided_ts, row.cost = database_now(), None
    row.save(update_fields=["status", "decision", "decision_reason", "decided_ts", "cost", "updated_ts"])
    show_delivery([row])
    return True


def lock_batch_of(message_id: UUID) -> SendBatch | None:
    """The batch in which the message waits, locked; None where it waits in none."""
    locked = SendBatch.objects.select_for_update(no_key=True, of=("self",))
    return locked.filter(messages=message_id).first()


def _held_back(message_id: UUID) -> MessageData | None:
    """The message under the lock of its batch, which no slice leaves without; None when its call has begun or is over."""
    while MessageData.objects.unsettled().filter(pk=message_id).exists():
        batch = lock_batch_of(message_id)
        row = MessageData.objects.unsettled().select_for_update(no_key=True).filter(pk=message_id).first()
        if row is None or batch is None or row.batch_id == batch.pk:
            return None if row and batch and row.pk in batch.in_flight else row
    return None


def _row_or_not(
    request: MessageRequest, addressee: Addressee, by: User | None, version_of: VersionOf
) -> MessageData | SendRefused:
    try:
        return _row(request, addressee, by, version_of)
    except SendRefused as refusal:
        return refusal


def _row(request: MessageRequest, addressee: Addressee, by: User | None, version_of: VersionOf) -> MessageData:
    schema, customer = request.schema, addressee.customer
    provider, default_sender = line_of(request.channel)
    if request.appointment and (customer is None or request.appointment.customer_id != customer.pk):
        raise SendRefused("foreign_appointment", "The appointment is somebody else's.", attr="appointment")
    person = customer or request.employee
    language = person.language if person else ""
    version = request.version or version_of(schema, language)
    content = _render(request, version, customer, language)
    return MessageData(
        message_schema=schema,
        schema_version=version,
        customer=customer,
        employee=request.employee,
        appointment=request.appointment,
        conversation=request.conversation,
        resend_of=request.resend_of,
        bulk=request.bulk,
        recipient=addressee.recipient,
        recipient_name=request.recipient_name or _name_of(customer, request.employee),
        message_delivery_method=schema.message_delivery_method,
        purpose=Purpose.TRANSACTIONAL if request.is_test else request.purpose or schema.purpose,
        provider=provider,
        sender=_own_sender(version, request.channel) or default_sender,
        language=version.language,
        metadata={**request.metadata, **({TEST: True} if request.is_test else {})},
        created_by=by,
        max_retries=settings.SEND_MAX_RETRIES,
        **_times(request, schema),
        **content.columns(addressee.recipient),
    )


def _own_sender(version: MessageSchemaVersion, channel: Channel) -> str:
    return version.from_email if channel == Channel.EMAIL else version.sms_sender_id


def _last_address(conversation: Conversation, channel: Channel) -> str:
    """Where the customer last wrote from in this conversation: the answer goes back there."""
    from interactions.models import SmsDetails

    details = SmsDetails.objects.filter(
        message__conversation=conversation, message__channel=channel, message__direction="inbound"
    )
    last = details.order_by("-message__created_at").values_list("from_number", flat=True).first()
    return normal_address(channel, last) if last else ""


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
    return render_content(version, variables)


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
