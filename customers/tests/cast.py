"""The small cast of the use cases, as fixtures. Each floor's conftest invites those it needs."""

from datetime import UTC, datetime

import pytest

from customers.choices import IdentifierKind
from customers.models import Appointment, Customer, Employee
from customers.tests.factories import (
    AppointmentFactory,
    CustomerFactory,
    CustomerIdentifierFactory,
    EmployeeFactory,
)


@pytest.fixture
def john(db: None) -> Customer:
    """John Smith of London, Ontario, who has a phone and a furnace."""
    john = CustomerFactory(
        name="John Smith",
        first_name="John",
        last_name="Smith",
        phone="+14165551234",
        address="123 Main St",
        city="London",
        province="ON",
        country="CA",
    )
    CustomerIdentifierFactory(customer=john, identifier_type=IdentifierKind.PHONE, identifier_value="+14165551234")
    return john


@pytest.fixture
def jane(db: None) -> Customer:
    """Jane Doe, who reads her mail."""
    jane = CustomerFactory(
        name="Jane Doe", first_name="Jane", last_name="Doe", primary_email="jane@example.test", province="ON"
    )
    CustomerIdentifierFactory(customer=jane, identifier_type=IdentifierKind.EMAIL, identifier_value="jane@example.test")
    return jane


@pytest.fixture
def emily(db: None) -> Employee:
    """Emily Thompson, the agent."""
    return EmployeeFactory(name="Emily Thompson", email="emily@rapport.test", phone="+15195550123", title="Agent")


@pytest.fixture
def furnace_visit(john: Customer, emily: Employee) -> Appointment:
    """John's appointment of UC-1: 15 November 2025, 2:00 PM in Ontario."""
    return AppointmentFactory(
        customer=john, employee=emily, starts_at=datetime(2025, 11, 15, 19, 0, tzinfo=UTC), time_zone="America/Toronto"
    )
