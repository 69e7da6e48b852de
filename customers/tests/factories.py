"""Customers and what belongs to them, valid as they come; a test names only what it is about."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from customers.choices import (
    Channel,
    ConsentPurpose,
    ConsentSource,
    ConsentStatus,
    DevicePlatform,
    IdentifierKind,
    SuppressionReason,
)
from customers.models import (
    Appointment,
    ConsentEvent,
    Customer,
    CustomerIdentifier,
    Device,
    Employee,
    Suppression,
)


class EmployeeFactory(DjangoModelFactory[Employee]):
    class Meta:
        model = Employee

    name = "Robin Reed"


class CustomerFactory(DjangoModelFactory[Customer]):
    class Meta:
        model = Customer

    name = "Alex Roe"
    time_zone = "America/Toronto"


class CustomerIdentifierFactory(DjangoModelFactory[CustomerIdentifier]):
    class Meta:
        model = CustomerIdentifier

    customer = factory.SubFactory(CustomerFactory)
    identifier_type = IdentifierKind.PHONE
    identifier_value = factory.Sequence(lambda n: f"+1416556{n:04d}")


class DeviceFactory(DjangoModelFactory[Device]):
    class Meta:
        model = Device

    customer = factory.SubFactory(CustomerFactory)
    platform = DevicePlatform.IOS
    token = factory.Sequence(lambda n: f"device-token-{n}")


class AppointmentFactory(DjangoModelFactory[Appointment]):
    class Meta:
        model = Appointment

    customer = factory.SubFactory(CustomerFactory)
    service_type = "HVAC Maintenance"
    starts_at = datetime(2025, 11, 15, 19, 0, tzinfo=UTC)


class ConsentEventFactory(DjangoModelFactory[ConsentEvent]):
    class Meta:
        model = ConsentEvent

    customer = factory.SubFactory(CustomerFactory)
    channel = Channel.SMS
    address = factory.Sequence(lambda n: f"+1416557{n:04d}")
    status = ConsentStatus.OPT_IN
    purpose = ConsentPurpose.MARKETING
    source = ConsentSource.WEB


class SuppressionFactory(DjangoModelFactory[Suppression]):
    class Meta:
        model = Suppression

    channel = Channel.SMS
    address = factory.Sequence(lambda n: f"+1416558{n:04d}")
    reason = SuppressionReason.STOP
