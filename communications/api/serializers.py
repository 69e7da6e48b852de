"""A message as the API speaks of it: what a caller may ask (`NewMessageSerializer`) and what he is shown."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from communications.actions.message_request import MessageRequest
from communications.choices import (
    CHANNEL_OF_METHOD,
    DecisionKind,
    DeliveryMethod,
    EventKind,
    MessageStatus,
    Reason,
)
from communications.models import MessageData, MessageSchema
from config.api.serializers import Instant, Metadata, StrictSerializer, is_finite, reference
from customers.choices import Channel, Purpose
from customers.models import Appointment, Customer, Employee

MOST_VARIABLES = 100
LONGEST_VARIABLE_NAME = 100
LONGEST_VARIABLE = 10_000
FARTHEST_AHEAD = timedelta(days=400)

_SCALAR = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}], "nullable": True}


@extend_schema_field(OpenApiTypes.STR)
class SchemaReference(serializers.Field):
    """A template by its id or by its code. Whether it may be sent is the action's question."""

    default_error_messages: ClassVar = {
        "invalid": "Give the template's id or its code.",
        "does_not_exist": "There is no template with this id or code.",
    }

    def to_internal_value(self, data: Any) -> MessageSchema:
        if not isinstance(data, str):
            self.fail("invalid")
        found = MessageSchema.objects.filter(_id_or_code(data)).first()
        if found is None:
            self.fail("does_not_exist")
        return found


def _id_or_code(text: str) -> Q:
    try:
        return Q(pk=UUID(text)) | Q(code=text)
    except ValueError:
        return Q(code=text)


@extend_schema_field({"type": "object", "additionalProperties": _SCALAR})
class Variables(serializers.DictField):
    """The template's values by name. `null` and blank text are no value."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values: dict[str, Any] = super().to_internal_value(data)
        if len(values) > MOST_VARIABLES:
            sentence = f"A message takes at most {MOST_VARIABLES} variables."
            raise ValidationError([ErrorDetail(sentence, code="too_many_keys")])
        wrong = {
            name[:LONGEST_VARIABLE_NAME]: error for name, value in values.items() if (error := _wrong(name, value))
        }
        if wrong:
            raise ValidationError(wrong)
        return values


def _wrong(name: str, value: Any) -> list[ErrorDetail]:
    if not 0 < len(name) <= LONGEST_VARIABLE_NAME:
        sentence = f"A variable's name has 1 to {LONGEST_VARIABLE_NAME} characters."
        return [ErrorDetail(sentence, code="invalid_name")]
    if not (value is None or isinstance(value, str | int | float)) or not is_finite(value):
        return [ErrorDetail("A variable is a text, a number, true, false or null.", code="not_a_scalar")]
    if len(str(value)) > LONGEST_VARIABLE:
        return [ErrorDetail(f"A variable has at most {LONGEST_VARIABLE:,} characters.", code="max_length")]
    return []


class MessageOptionsSerializer(StrictSerializer):
    """What to send, when and why: of one message, or of all that are asked for at once."""

    message_schema = SchemaReference(help_text="The template's id or code.")
    variables = Variables(required=False, allow_null=True)
    scheduled_ts = Instant(required=False, allow_null=True, help_text="At most 400 days ahead; a past time means now.")
    expires_ts = Instant(required=False, allow_null=True, help_text="After this it is no longer sent.")
    purpose = serializers.ChoiceField(
        choices=Purpose.choices, required=False, allow_null=True, help_text="Left out: the template's."
    )
    metadata = Metadata(required=False, allow_null=True)

    def validate_scheduled_ts(self, value: datetime | None) -> datetime | None:
        if value and value > timezone.now() + FARTHEST_AHEAD:
            sentence = f"A message can be scheduled at most {FARTHEST_AHEAD.days} days ahead."
            raise ValidationError(sentence, code="too_far_ahead")
        return value if value and value > timezone.now() else None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        expires = attrs.get("expires_ts")
        if expires and expires <= (attrs.get("scheduled_ts") or timezone.now()):
            _refuse("expires_ts", "expired", "The message would expire before it is sent.")
        return attrs

    def purpose_asked(self) -> Purpose | None:
        said = self.validated_data.get("purpose")
        return Purpose(said) if said else None


class NewMessageSerializer(MessageOptionsSerializer):
    """One message to a customer, an employee, or an address."""

    customer = reference(Customer.objects.all())
    employee = reference(Employee.objects.all())
    recipient = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=320,
        help_text="An address for the template's channel. With a customer or an employee: in place of their own.",
    )
    recipient_name = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=200)
    appointment = reference(Appointment.objects.select_related("employee"))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_addressee(attrs)
        customer, appointment = attrs.get("customer"), attrs.get("appointment")
        if appointment and customer and appointment.customer_id != customer.pk:
            _refuse("appointment", "wrong_customer", "The appointment is another customer's.")
        return super().validate(attrs)

    def message_request(self) -> MessageRequest:
        """The checked body in the action's words."""
        said = self.validated_data
        return MessageRequest(
            schema=said["message_schema"],
            customer=said.get("customer"),
            employee=said.get("employee"),
            recipient=said.get("recipient") or "",
            recipient_name=said.get("recipient_name") or "",
            variables=said.get("variables") or {},
            appointment=said.get("appointment"),
            scheduled_at=said.get("scheduled_ts"),
            expires_at=said.get("expires_ts"),
            undo_seconds=settings.UNDO_SECONDS_API,
            purpose=self.purpose_asked(),
            metadata=said.get("metadata") or {},
        )


def check_addressee(attrs: Mapping[str, Any]) -> None:
    """Somebody, and only one. Raises ValidationError."""
    if not (attrs.get("customer") or attrs.get("employee") or attrs.get("recipient")):
        _refuse("recipient", "recipient_required", "Name a customer, an employee or a recipient.")
    if attrs.get("customer") and attrs.get("employee"):
        _refuse("employee", "two_recipients", "A message goes to a customer or to an employee, not to both.")


def _refuse(field: str, code: str, sentence: str) -> None:
    raise ValidationError({field: [ErrorDetail(sentence, code=code)]})


class DecisionSerializer(serializers.Serializer):
    """Whether it is sent, held until later or skipped, and why. A reason may stand before anything was decided."""

    kind = serializers.ChoiceField(choices=DecisionKind.choices, source="decision", allow_blank=True)
    reason = serializers.ChoiceField(choices=Reason.choices, source="decision_reason", allow_blank=True)
    detail = serializers.CharField(source="decision_detail")
    at = Instant(source="decided_ts", allow_null=True)


class DeliveryEventSerializer(serializers.Serializer):
    """What became known of it, by the provider's clock and by ours."""

    kind = serializers.ChoiceField(choices=EventKind.choices)
    occurred_at = Instant(allow_null=True)
    received_at = Instant()
    error_code = serializers.CharField()
    reason = serializers.CharField()


_WAITING = (MessageStatus.PENDING, MessageStatus.SCHEDULED)
_CHANNELS = {method.value: channel.value for method, channel in CHANNEL_OF_METHOD.items()}
_DECISION = ("decision", "decision_reason", "decision_detail", "decided_ts")
LISTED = (
    "id",
    "message_number",
    "message_schema",
    "customer",
    "employee",
    "recipient",
    "recipient_name",
    "message_delivery_method",
    "purpose",
    "status",
    *_DECISION,
    "segment_count",
    "cost",
    "cost_currency",
    "scheduled_ts",
    "expires_ts",
    "sent_ts",
    "delivered_ts",
    "opened_ts",
    "clicked_ts",
    "failed_ts",
    "failed_reason",
    "error_code",
    "provider",
    "provider_message_id",
    "possible_duplicate",
    "interaction",
    "conversation",
    "resend_of",
    "created_ts",
    "updated_ts",
)


class ListedMessageSerializer(serializers.Serializer):
    """A message in a list."""

    id = serializers.UUIDField()
    message_number = serializers.CharField()
    message_schema = serializers.UUIDField(source="message_schema_id", allow_null=True)
    message_schema_code = serializers.CharField(source="message_schema.code", read_only=True, allow_null=True)
    customer = serializers.UUIDField(source="customer_id", allow_null=True)
    employee = serializers.UUIDField(source="employee_id", allow_null=True)
    recipient = serializers.CharField()
    recipient_name = serializers.CharField()
    message_delivery_method = serializers.ChoiceField(choices=DeliveryMethod.choices)
    channel = serializers.SerializerMethodField()
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    status = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()
    segment_count = serializers.IntegerField(allow_null=True)
    cost = serializers.DecimalField(max_digits=12, decimal_places=5, allow_null=True)
    cost_currency = serializers.CharField()
    scheduled_ts = Instant(allow_null=True)
    expires_ts = Instant(allow_null=True)
    sent_ts = Instant(allow_null=True)
    delivered_ts = Instant(allow_null=True)
    opened_ts = Instant(allow_null=True)
    clicked_ts = Instant(allow_null=True)
    failed_ts = Instant(allow_null=True)
    failed_reason = serializers.CharField()
    error_code = serializers.CharField()
    provider = serializers.CharField()
    provider_message_id = serializers.CharField()
    possible_duplicate = serializers.BooleanField()
    interaction = serializers.UUIDField(source="interaction_id", allow_null=True)
    conversation = serializers.UUIDField(source="conversation_id", allow_null=True)
    resend_of = serializers.UUIDField(source="resend_of_id", allow_null=True)
    created_ts = Instant()
    updated_ts = Instant()

    @extend_schema_field(serializers.ChoiceField(choices=Channel.choices))
    def get_channel(self, message: MessageData) -> str:
        return CHANNEL_OF_METHOD[DeliveryMethod(message.message_delivery_method)].value

    @extend_schema_field(serializers.ChoiceField(choices=MessageStatus.choices))
    def get_status(self, message: MessageData) -> str:
        return shown_status(message).value

    @extend_schema_field(DecisionSerializer(allow_null=True))
    def get_decision(self, message: MessageData) -> dict[str, Any] | None:
        is_known = message.decision or message.decision_reason
        return DecisionSerializer(message).data if is_known else None


def as_listed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `communications.api.views.listed_messages` as `ListedMessageSerializer` would show it."""
    waits, in_flight = row["status"] in _WAITING, row.pop("is_in_flight")
    row["status"] = MessageStatus.SENDING.value if waits and in_flight else row["status"]
    row["message_schema_code"] = row.pop("message_schema__code")
    row["channel"] = _CHANNELS[row["message_delivery_method"]]
    kind, reason, detail, at = (row.pop(name) for name in _DECISION)
    row["decision"] = {"kind": kind, "reason": reason, "detail": detail, "at": at} if kind or reason else None
    return row


class MessageDataSerializer(ListedMessageSerializer):
    """A message, where it stands and what is known of it. Expects the rows of `communications.api.views.message_rows`."""

    schema_version = serializers.IntegerField(source="schema_version.version", read_only=True, allow_null=True)
    content_data = serializers.DictField()
    metadata = serializers.DictField()
    events = DeliveryEventSerializer(source="delivery_events", many=True)


def shown_status(message: MessageData) -> MessageStatus:
    """The row's status; `sending` while its batch says that its call may be under way."""
    status = MessageStatus(message.status)
    in_flight = status in _WAITING and message.batch is not None and message.pk in message.batch.in_flight
    return MessageStatus.SENDING if in_flight else status
