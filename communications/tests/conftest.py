import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from communications.migrations._groups import make_groups
from communications.models import MessageSchema, MessageSchemaVersion
from communications.tests.factories import MessageSchemaFactory, MessageSchemaVersionFactory
from customers.tests.cast import emily, furnace_visit, jane, john

__all__ = ["emily", "furnace_visit", "jane", "john", "reminder_schema", "reminder_version"]


@pytest.fixture
def reminder_schema(db: None) -> MessageSchema:
    """The SMS template of UC-1."""
    return MessageSchemaFactory(code="MSG-SCHEMA-APPT-001", category="APPT")


@pytest.fixture
def reminder_version(reminder_schema: MessageSchema) -> MessageSchemaVersion:
    return MessageSchemaVersionFactory(message_schema=reminder_schema)


@pytest.fixture
def groups(db: None) -> None:
    """As the migration makes them, also after a test that emptied the database."""
    if not Group.objects.filter(name="API client").exists():
        make_groups(apps, None)
