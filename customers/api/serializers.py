"""Customers, appointments and consent as the API speaks of them."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from config.api.serializers import Instant, Metadata, StrictSerializer, reference
from customers.api.fields import AddressField, TimeZoneField, check_country, check_language, normal
from customers.choices import (
    ADDRESSED_CHANNELS,
    IDENTIFIER_OF_CHANNEL,
    Channel,
    ConsentPurpose,
    ConsentSource,
    ConsentStatus,
    IdentifierKind,
    SuppressionReason,
)
from customers.models import Appointment, ConsentEvent, Customer, CustomerIdentifier, Employee
from customers.standing import standings

LONGEST_TEXT = 20_000
MOST_ADDRESSES = 50
_NAMES = ("name", "first_name", "last_name", "primary_email", "phone")
_PLACE = ("address", "city", "province", "postal_code", "country", "language", "time_zone")
_CARE = ("customer_type", "tier", "external_id", "attributes", "metadata", "notes")
_COUNTED = ("total_interactions", "first_contact_at", "last_interaction_at", "created_at", "updated_at")


class IdentifierSerializer(serializers.ModelSerializer[CustomerIdentifier]):
    """An address that leads to the customer."""

    verified_at = Instant(allow_null=True)
    created_at = Instant()

    class Meta:
        model = CustomerIdentifier
        fields = ("id", "identifier_type", "identifier_value", "verified", "verified_at", "source", "created_at")


class NewIdentifierSerializer(StrictSerializer):
    identifier_type = serializers.ChoiceField(choices=IdentifierKind.choices)
    identifier_value = serializers.CharField(max_length=320, help_text="In any usual spelling.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            attrs["identifier_value"] = normal(attrs["identifier_type"], attrs["identifier_value"])
        except ValidationError as problem:
            raise ValidationError({"identifier_value": problem.detail}) from problem
        return attrs


class ListedCustomerSerializer(serializers.ModelSerializer[Customer]):
    """A customer in a list: without notes, attributes and metadata."""

    first_contact_at = Instant()
    last_interaction_at = Instant(allow_null=True)
    merged_into = serializers.UUIDField(source="merged_into_id", allow_null=True)
    created_at = Instant()
    updated_at = Instant()

    class Meta:
        model = Customer
        fields: ClassVar[tuple[str, ...]] = ("id", *_NAMES, *_PLACE, *_CARE[:3], *_COUNTED, "merged_into")


class VerdictSerializer(serializers.Serializer):
    """Whether it may be sent, and the word that decided; null where nobody said anything yet."""

    allowed = serializers.BooleanField()
    status = serializers.ChoiceField(choices=ConsentStatus.choices, source="because.status", allow_null=True)
    since = Instant(source="because.occurred_at", allow_null=True)
    source = serializers.ChoiceField(choices=ConsentSource.choices, source="because.source", allow_null=True)  # type: ignore[assignment]


class BlockSerializer(serializers.Serializer):
    """Nothing is sent to the address for as long as it stands, whatever was consented to."""

    reason = serializers.ChoiceField(choices=SuppressionReason.choices)
    since = Instant(source="created_at")


class StandingSerializer(serializers.Serializer):
    """What may be sent to an address on a channel now."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    address = serializers.CharField()
    transactional = VerdictSerializer()
    marketing = VerdictSerializer()
    blocked = BlockSerializer(source="blocked_by", allow_null=True)


class CustomerSerializer(ListedCustomerSerializer):
    """A customer with the addresses that lead to him, and what may be sent to each."""

    consent = serializers.SerializerMethodField()
    attributes = serializers.DictField()
    metadata = serializers.DictField()
    identifiers = IdentifierSerializer(many=True)

    class Meta(ListedCustomerSerializer.Meta):
        fields: ClassVar = (
            *ListedCustomerSerializer.Meta.fields,
            "attributes",
            "metadata",
            "notes",
            "identifiers",
            "consent",
        )

    @extend_schema_field(StandingSerializer(many=True))
    def get_consent(self, customer: Customer) -> Any:
        return StandingSerializer(standings(customer, timezone.now()), many=True).data


class WrittenCustomerSerializer(StrictSerializer, serializers.ModelSerializer[Customer]):
    """What a caller may write. `identifiers` are added to those that lead to him; none is taken away."""

    primary_email = AddressField("email", allow_null=True)
    phone = AddressField("phone")
    time_zone = TimeZoneField(required=False, max_length=50)
    language = serializers.CharField(required=False, allow_blank=True, max_length=10, validators=[check_language])
    country = serializers.CharField(required=False, allow_blank=True, max_length=2, validators=[check_country])
    external_id = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=200)
    attributes = Metadata(required=False)
    metadata = Metadata(required=False)
    identifiers = NewIdentifierSerializer(many=True, required=False, max_length=MOST_ADDRESSES)  # type: ignore[call-arg]  # the list's

    class Meta:
        model = Customer
        fields: ClassVar = (*_NAMES, *_PLACE, *_CARE, "identifiers")
        extra_kwargs: ClassVar = {
            "name": {"max_length": 200},
            "address": {"max_length": 1_000},
            "notes": {"max_length": LONGEST_TEXT},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nothing at all is no customer: somebody has a name, an address or an id."""
        if self.instance is None and not any(attrs.get(name) for name in (*_NAMES, "external_id", "identifiers")):
            sentence = "Give a name, an e-mail address, a phone number, an external id or an identifier."
            raise ValidationError([ErrorDetail(sentence, code="nobody")])
        for name in ("primary_email", "external_id"):
            if name in attrs:
                attrs[name] = attrs[name] or None
        return attrs


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    """An appointment. `revision` grows each time it moves."""

    customer = serializers.UUIDField(source="customer_id")
    employee = serializers.UUIDField(source="employee_id", allow_null=True)
    starts_at = Instant()
    confirmed_at = Instant(allow_null=True)
    cancelled_at = Instant(allow_null=True)
    metadata = serializers.DictField()
    created_at = Instant()
    updated_at = Instant()

    class Meta:
        model = Appointment
        fields: ClassVar = tuple(field.name for field in Appointment._meta.concrete_fields)


class WrittenAppointmentSerializer(StrictSerializer, serializers.ModelSerializer[Appointment]):
    """What a caller may write. A new time of a confirmed one is to be confirmed again."""

    customer = reference(Customer.objects.filter(merged_into=None), required=True, allow_null=False)
    employee = reference(Employee.objects.all())
    starts_at = Instant()
    duration_minutes = serializers.IntegerField(required=False, min_value=1, max_value=60 * 24 * 31)
    time_zone = TimeZoneField(required=False, allow_blank=True, max_length=50)
    calendar_event_id = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)
    metadata = Metadata(required=False)

    class Meta:
        model = Appointment
        fields: ClassVar = (
            *("customer", "employee", "service_type", "description", "provider", "starts_at", "duration_minutes"),
            *("time_zone", "address", "status", "booked_by", "calendar_event_id", "special_requests", "notes"),
            *("cancellation_reason", "metadata"),
        )
        extra_kwargs: ClassVar = {
            name: {"max_length": LONGEST_TEXT}
            for name in ("description", "address", "special_requests", "notes", "cancellation_reason")
        }

    def validate_customer(self, customer: Customer) -> Customer:
        if self.instance is not None and self.instance.customer_id != customer.pk:
            raise ValidationError([ErrorDetail("An appointment stays its customer's.", code="immutable")])
        return customer

    def validate_calendar_event_id(self, value: str | None) -> str | None:
        return value or None


class ConsentSerializer(serializers.ModelSerializer[ConsentEvent]):
    """One word of the ledger: somebody said yes or no for an address."""

    customer = serializers.UUIDField(source="customer_id", allow_null=True)
    evidence = serializers.DictField()
    occurred_at = Instant()
    created_at = Instant()

    class Meta:
        model = ConsentEvent
        fields: ClassVar = (
            *("id", "customer", "channel", "address", "status", "purpose", "source", "wording", "reference"),
            *("ip_address", "evidence", "occurred_at", "created_at"),
        )


class WrittenConsentSerializer(StrictSerializer):
    """A word to be written down. `reference` names its cause (a form's id): the same cause counts once."""

    customer = reference(Customer.objects.all())
    channel = serializers.ChoiceField(choices=ADDRESSED_CHANNELS)
    address = serializers.CharField(max_length=320, help_text="In any usual spelling.")
    status = serializers.ChoiceField(choices=ConsentStatus.choices)
    purpose = serializers.ChoiceField(choices=ConsentPurpose.choices)
    source = serializers.ChoiceField(choices=ConsentSource.choices, default=ConsentSource.API)  # type: ignore[assignment]
    wording = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_TEXT, help_text="What the person was shown or wrote."
    )
    reference = serializers.CharField(required=False, allow_blank=True, max_length=200)
    ip_address = serializers.IPAddressField(required=False, allow_null=True)
    evidence = Metadata(required=False)
    occurred_at = Instant(required=False, help_text="Left out: now. A word that is learnt late overturns no later one.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "address" in attrs:
            kind = IDENTIFIER_OF_CHANNEL[Channel(attrs["channel"])]
            try:
                attrs["address"] = normal(kind, attrs["address"])
            except ValidationError as problem:
                raise ValidationError({"address": problem.detail}) from problem
        return attrs


class CorrectedConsentSerializer(WrittenConsentSerializer):
    """What a correction says anew; address and channel are the corrected word's."""

    channel = None  # type: ignore[assignment]
    address = None  # type: ignore[assignment]
    customer = None  # type: ignore[assignment]
    occurred_at = Instant(required=False, help_text="Left out: the corrected word's. It overturns no later word.")
