import factory
from factory.django import DjangoModelFactory
from uuid_utils.compat import uuid7

from config.accounts.tests.factories import UserFactory
from config.jobs.models import Job


class JobFactory(DjangoModelFactory[Job]):
    """An export of users that waits."""

    class Meta:
        model = Job

    action = "export_csv"
    title = "Export as CSV: users"
    model = "accounts.user"
    until = factory.LazyFunction(lambda: str(uuid7()))
    created_by = factory.SubFactory(UserFactory)
