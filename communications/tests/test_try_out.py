"""A test send: what the preview shows goes to whoever works on the template, and into nobody's record."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client

from communications.actions.try_out import send_test
from communications.emulator.testing import Emulator
from communications.exceptions import SendRefused
from communications.models import MessageData, MessageSchema
from communications.sending import run
from communications.tests.engine_fixtures import provider
from communications.tests.factories import BulkSendFactory, MessageDataFactory, ReminderScheduleFactory
from communications.tests.test_template_pages import email, saved, url
from config.accounts.tests.factories import UserFactory
from config.tests.back_office import row_url
from customers.choices import ConsentPurpose, ConsentStatus
from customers.models import Customer
from customers.tests.database import at_once
from customers.tests.factories import ConsentEventFactory, CustomerFactory, SuppressionFactory
from interactions.models import Interaction

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True, email="emily@rapport.test"))
    return client


def post(client: Client, schema: MessageSchema, to: str, **query: str) -> list[str]:
    answer = client.post(url("preview", schema, **query), {"to": to})
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_test_leaves_with_samples_and_is_in_nobodys_record(staff: Client, provider: Emulator) -> None:
    schema = email(purpose="marketing")

    assert post(staff, schema, "emily@rapport.test, Ben@Rapport.test") == [
        "On its way to emily@rapport.test, ben@rapport.test."
    ]
    assert run.send_due("transactional") == 2

    assert not Customer.objects.exists() and not Interaction.objects.exists()
    mails = provider.ledger("accepted")
    assert {mail["to"] for mail in mails} == {"emily@rapport.test", "ben@rapport.test"}
    assert all(provider.mail(mail["sid"])["subject"].startswith("[Test] Order ") for mail in mails)
    assert set(MessageData.objects.values_list("status", flat=True)) == {"sent"}


def test_it_says_what_the_preview_says_for_that_customer(staff: Client) -> None:
    schema, jane = saved(), CustomerFactory(first_name="Jane")

    said = post(staff, schema, "+1 519 555 0142", customer=str(jane.pk), **{"v-date": "Monday"})
    assert said == ["On its way to +15195550142."]

    row = MessageData.objects.get()
    assert row.content_data["finalMessage"] == "Hi Jane, see you on Monday."
    assert (row.recipient, row.customer) == ("+15195550142", None)


def test_a_draft_can_be_tried_out_and_an_address_is_remembered(staff: Client) -> None:
    schema = saved(status="draft")

    post(staff, schema, "+15195550142")

    assert MessageData.objects.count() == 1
    assert 'value="+15195550142"' in staff.get(url("preview", schema)).content.decode()
    assert 'value="emily@rapport.test"' in staff.get(url("preview", email())).content.decode()


@pytest.mark.parametrize("to", ["", "nobody", "+15195550142, nobody", ", ".join(["+15195550142"] * 11)])
def test_nothing_is_sent_to_what_is_no_address(staff: Client, to: str) -> None:
    [said] = post(staff, saved(), to)

    assert said.startswith("No test was sent: ")
    assert not MessageData.objects.exists()


def test_what_no_sample_can_stand_for_is_named() -> None:
    schema = saved(template_schema={"message": "{{ lines[0].name }}"})
    version = schema.versions.get()

    with pytest.raises(SendRefused) as refused:
        send_test(version, recipients=["+15195550142"], variables={}, by=UserFactory())

    assert refused.value.attr == "variables"
    assert not MessageData.objects.exists()


def test_a_suppressed_address_gets_no_test_either(staff: Client, provider: Emulator) -> None:
    SuppressionFactory(address="+15195550142")

    post(staff, saved(), "+15195550142")
    run.send_due("transactional")

    assert MessageData.objects.get().status == "suppressed"


def test_who_declined_marketing_gets_no_test_of_it(staff: Client) -> None:
    ConsentEventFactory(
        channel="sms", address="+15195550142", status=ConsentStatus.OPT_OUT, purpose=ConsentPurpose.MARKETING
    )

    [said] = post(staff, saved(purpose="marketing"), "+1 519 555 0142, +15195550143")

    assert said == "No test was sent: +15195550142 declined marketing."
    assert not MessageData.objects.exists()
    assert post(staff, saved(), "+15195550142")[-1] == "On its way to +15195550142."


def test_who_may_not_send_is_offered_no_test(client: Client) -> None:
    author = UserFactory(is_staff=True)
    author.user_permissions.set(Permission.objects.filter(codename__in=["view_messageschema", "change_messageschema"]))
    client.force_login(author)
    schema = saved()

    assert "Send a test" not in client.get(url("preview", schema)).content.decode()
    assert client.post(url("preview", schema), {"to": "+15195550142"}).status_code == 403


def test_a_template_says_where_it_is_used(staff: Client) -> None:
    schema = saved()
    assert "Nowhere yet." in staff.get(row_url(schema)).content.decode()
    schedule = ReminderScheduleFactory(message_schema=schema)
    bulk = BulkSendFactory(message_schema=schema)
    MessageDataFactory.create_batch(2, message_schema=schema)

    html = staff.get(row_url(schema)).content.decode()

    assert row_url(schedule) in html and row_url(bulk) in html
    assert "2 messages" in html and f"?message_schema__id__exact={schema.pk}" in html


def test_whose_values_a_test_tells_is_written_down_for_his_erasure(staff: Client) -> None:
    schema, jane = saved(), CustomerFactory(first_name="Jane")

    post(staff, schema, "+15195550142", customer=str(jane.pk))
    post(staff, schema, "+15195550143")

    of_jane, of_nobody = MessageData.objects.order_by("id")
    assert of_jane.metadata["shown_as"] == str(jane.pk)
    assert "shown_as" not in of_nobody.metadata


def test_so_many_tests_an_hour_and_no_more(staff: Client, settings: Any) -> None:
    settings.TEST_SENDS_PER_HOUR = 3
    schema = saved()
    post(staff, schema, "+15195550142, +15195550143")

    [*_, said] = post(staff, schema, "+15195550144, +15195550145")

    assert said == "No test was sent: You sent 2 tests within an hour, of at most 3: 1 more now."
    assert post(staff, schema, "+15195550144")[-1] == "On its way to +15195550144."
    assert post(staff, schema, "+15195550145")[-1].endswith("no more now.")
    assert MessageData.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_browsers_of_one_person_share_the_last_place(settings: Any) -> None:
    settings.TEST_SENDS_PER_HOUR = 1
    version, emily = saved().versions.get(), UserFactory()

    def send(recipient: str) -> bool:
        try:
            send_test(version, recipients=[recipient], variables={}, by=emily)
        except SendRefused:
            return False
        return True

    assert sorted(at_once(lambda: send("+15195550142"), lambda: send("+15195550143"))) == [False, True]
    assert MessageData.objects.count() == 1


def test_no_test_is_offered_where_nothing_sends(staff: Client) -> None:
    schema = saved("PUSH", template_schema={"title": "New", "body": "Hi"})

    html = staff.get(url("preview", schema)).content.decode()

    assert "Send a test" not in html and "Nothing sends by" in html
