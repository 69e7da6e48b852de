from importlib import import_module

import pytest
from django.contrib.auth.models import Group

from communications.migrations._groups import make_groups

pytestmark = pytest.mark.usefixtures("groups")
NAMES = {"Agent", "Manager", "Marketing", "API client"}


@pytest.mark.django_db
def test_the_groups_come_with_the_database() -> None:
    migration = import_module("communications.migrations.0001_initial").Migration

    assert make_groups in [getattr(operation, "code", None) for operation in migration.operations]
    assert set(Group.objects.values_list("name", flat=True)) >= NAMES


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("group", "may", "may_not"),
    [
        ("Agent", {"add_messagedata", "change_conversation"}, {"change_messageschema", "view_webhookdelivery"}),
        ("Manager", {"delete_messageschema", "change_webhookdelivery", "change_senderline"}, {"delete_customer"}),
        ("Marketing", {"change_messageschema", "add_bulksend"}, {"view_conversation", "view_appointment"}),
        ("API client", {"add_messagedata", "change_customer"}, {"add_messageschema", "view_webhookdelivery"}),
    ],
)
def test_each_group_may_what_its_work_needs(group: str, may: set[str], may_not: set[str]) -> None:
    granted = set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))

    assert may <= granted
    assert not may_not & granted


@pytest.mark.django_db
def test_nobody_may_delete_what_was_said_or_sent() -> None:
    deleting = Group.objects.filter(name__in=NAMES, permissions__codename__startswith="delete_")

    assert set(deleting.values_list("permissions__codename", flat=True)) == {"delete_messageschema"}
