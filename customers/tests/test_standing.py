"""What might be sent to a customer on a day, and the page that tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.accounts.tests.factories import UserFactory
from config.tests.back_office import row_url
from customers.choices import ConsentPurpose, ConsentStatus
from customers.models import Customer
from customers.standing import Standing, standings
from customers.tests.factories import (
    ConsentEventFactory,
    CustomerFactory,
    CustomerIdentifierFactory,
    SuppressionFactory,
)

pytestmark = pytest.mark.django_db
PHONE = "+15195550142"
JANUARY, MARCH = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def jane() -> Customer:
    customer = CustomerFactory(name="Jane Doe")
    CustomerIdentifierFactory(customer=customer, identifier_type="phone", identifier_value=PHONE)
    word(customer, ConsentStatus.OPT_IN, ConsentPurpose.MARKETING, JANUARY)
    word(customer, ConsentStatus.OPT_OUT, ConsentPurpose.ALL, MARCH)
    return customer


def word(customer: Customer, status: str, purpose: str, at: datetime, **values: Any) -> None:
    spoken = {"channel": "sms", "address": PHONE, **values}
    ConsentEventFactory(customer=customer, status=status, purpose=purpose, occurred_at=at, **spoken)


def page(customer: Customer, **query: str) -> str:
    return reverse("admin:customers_customer_consent", args=[customer.pk], query=query or None)


def on(customer: Customer, at: datetime) -> Standing:
    [standing] = standings(customer, at)
    return standing


def test_each_moment_has_its_own_answer(jane: Customer) -> None:
    answers = [
        (standing.transactional.allowed, standing.marketing.allowed)
        for standing in (on(jane, at) for at in (JANUARY - DAY, JANUARY, MARCH - DAY, MARCH))
    ]

    assert answers == [(True, False), (True, True), (True, True), (False, False)]
    assert on(jane, MARCH).marketing.because.occurred_at == MARCH


def test_a_block_counts_while_it_was_in_force(jane: Customer) -> None:
    SuppressionFactory(address=PHONE, created_at=JANUARY + DAY, lifted_at=JANUARY + 3 * DAY)

    blocked = [on(jane, JANUARY + days * DAY).blocked_by is not None for days in range(5)]

    assert blocked == [False, True, True, False, False]


def test_an_address_that_is_no_longer_his_is_still_told(jane: Customer) -> None:
    word(jane, ConsentStatus.OPT_IN, ConsentPurpose.MARKETING, JANUARY, channel="email", address="old@rapport.test")

    assert {each.address for each in standings(jane, MARCH)} == {PHONE, "old@rapport.test"}


def test_it_costs_the_same_queries_however_many_addresses(jane: Customer, django_assert_num_queries: Any) -> None:
    for number in range(5):
        CustomerIdentifierFactory(customer=jane, identifier_type="email", identifier_value=f"j{number}@rapport.test")

    with django_assert_num_queries(4):
        assert len(standings(jane, MARCH)) == 6


def test_the_page_travels_in_time(client: Client, jane: Customer) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    before = client.get(page(jane, at="2026-02-01T09:00")).content.decode()
    after = client.get(page(jane)).content.decode()

    assert page(jane) in client.get(row_url(jane)).content.decode()
    assert "Not allowed" not in before and "Sunday, February 1, 2026, 09:00" in before
    assert after.count("Not allowed") == 2
    assert "Opted out" in after and "Opted out" not in before


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01T00:00", "x" * 5_000, "\x00"])
def test_what_is_no_moment_is_told(client: Client, jane: Customer, at: str) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    assert "Write a date and a time" in client.get(page(jane, at=at)).content.decode()


def test_the_future_is_unknown(client: Client, jane: Customer) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    tomorrow = f"{timezone.localtime() + DAY:%Y-%m-%dT%H:%M}"

    assert "Nobody knows yet" in client.get(page(jane, at=tomorrow)).content.decode()


def test_consent_is_for_who_may_see_it(client: Client, jane: Customer) -> None:
    clerk = UserFactory(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client.force_login(clerk)

    assert client.get(page(jane)).status_code == 403
    assert page(jane) not in client.get(row_url(jane)).content.decode()
