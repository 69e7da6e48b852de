"""Was sending allowed on a day? The ledger answers, for one address on one channel; suppressions follow from it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction

from config.accounts.tests.factories import UserFactory
from config.db import fetch_all
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus, Purpose, SuppressionReason
from customers.consent import allowed, ledger, suppressions, verdict
from customers.models import ConsentEvent, Customer, Suppression
from customers.tests.database import at_once
from customers.tests.factories import ConsentEventFactory, SuppressionFactory

ADDRESS, OTHER = "+14165551234", "+14165554321"
DAY = timedelta(days=1)
JUNE = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)

STOP = (ConsentPurpose.ALL, ConsentStatus.OPT_OUT)
START = (ConsentPurpose.ALL, ConsentStatus.OPT_IN)
OFFERS = (ConsentPurpose.MARKETING, ConsentStatus.OPT_IN)
NO_OFFERS = (ConsentPurpose.MARKETING, ConsentStatus.OPT_OUT)
NO_NOTICES = (ConsentPurpose.TRANSACTIONAL, ConsentStatus.OPT_OUT)
NOTICES = (ConsentPurpose.TRANSACTIONAL, ConsentStatus.OPT_IN)
DATA = (ConsentPurpose.DATA_PROCESSING, ConsentStatus.OPT_OUT)


def say(word: tuple[ConsentPurpose, ConsentStatus], **values: Any) -> bool:
    """Record `word` for John's phone; a keyword changes what the test is about."""
    purpose, status = word
    by = values.pop("by", None)
    statement = {"channel": "sms", "address": ADDRESS, "source": ConsentSource.KEYWORD, **values}
    return record_consent(ConsentStatement(purpose=purpose, status=status, **statement), by=by) is not None


def may(purpose: Purpose, **where: Any) -> bool:
    return allowed(where.pop("channel", "sms"), where.pop("address", ADDRESS), purpose, **where).allowed


@pytest.mark.parametrize(
    ("words", "transactional", "marketing"),
    [
        ([], True, False),
        ([OFFERS], True, True),
        ([OFFERS, NO_OFFERS], True, False),
        ([NO_OFFERS, OFFERS], True, True),
        ([STOP], False, False),
        ([START], True, False),
        ([STOP, START], True, False),
        ([OFFERS, STOP], False, False),
        ([OFFERS, STOP, START], True, True),
        ([STOP, OFFERS], False, False),
        ([STOP, OFFERS, START], True, True),
        ([STOP, START, OFFERS], True, True),
        ([STOP, NO_OFFERS, START], True, False),
        ([OFFERS, STOP, START, NO_OFFERS], True, False),
        ([START, STOP], False, False),
        ([NO_NOTICES], False, False),
        ([NO_NOTICES, OFFERS], False, True),
        ([NO_NOTICES, START], False, False),
        ([NO_NOTICES, NOTICES], True, False),
        ([DATA], True, False),
    ],
)
def test_the_verdict_follows_from_the_events_in_their_order(
    words: list[tuple[str, str]], transactional: bool, marketing: bool
) -> None:
    events = [ConsentEventFactory.build(customer=None, purpose=purpose, status=status) for purpose, status in words]

    assert verdict(events, Purpose.TRANSACTIONAL).allowed is transactional
    assert verdict(events, Purpose.MARKETING).allowed is marketing


def test_the_verdict_names_the_event_that_decided() -> None:
    offers, stop = (ConsentEventFactory.build(customer=None, purpose=p, status=s) for p, s in (OFFERS, STOP))

    assert verdict([offers], Purpose.MARKETING).because is offers
    assert verdict([offers, stop], Purpose.MARKETING).because is stop
    assert verdict([], Purpose.TRANSACTIONAL).because is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("at", "transactional", "marketing"),
    [
        (JUNE - timedelta(microseconds=1), True, False),
        (JUNE, True, True),
        (JUNE + 2 * DAY - timedelta(microseconds=1), True, True),
        (JUNE + 2 * DAY, False, False),
        (JUNE + 5 * DAY - timedelta(microseconds=1), False, False),
        (JUNE + 5 * DAY, True, True),
        (JUNE + 7 * DAY, True, False),
        (None, True, False),
    ],
)
def test_any_day_of_the_past_can_be_asked_about(at: datetime | None, transactional: bool, marketing: bool) -> None:
    for days, word in ((7, NO_OFFERS), (0, OFFERS), (5, START), (2, STOP)):  # written down in any order
        say(word, occurred_at=JUNE + days * DAY)

    assert may(Purpose.TRANSACTIONAL, at=at) is transactional
    assert may(Purpose.MARKETING, at=at) is marketing


@pytest.mark.django_db
def test_a_word_counts_at_once_whatever_our_own_clock_says() -> None:
    say(OFFERS)

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        say(NO_OFFERS)

    assert not may(Purpose.MARKETING)


@pytest.mark.django_db
def test_the_ledger_of_many_addresses_is_one_query(django_assert_num_queries) -> None:
    addresses = [ConsentEventFactory().address for _ in range(20)]

    with django_assert_num_queries(1):
        assert set(ledger("sms", addresses)) == set(addresses)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent_events SET status = 'opt_in'",
        "UPDATE consent_events SET wording = 'never said'",
        "DELETE FROM consent_events",
    ],
)
def test_nobody_rewrites_the_ledger(statement: str) -> None:
    say(STOP)

    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        fetch_all(statement)

    assert ConsentEvent.objects.get().status == ConsentStatus.OPT_OUT


@pytest.mark.django_db
def test_one_cause_counts_once() -> None:
    assert say(STOP, reference="message:1")
    assert not say(STOP, reference="message:1")
    assert say(STOP, reference="message:2")
    assert say(STOP) and say(STOP)  # without a cause each word is one
    assert ConsentEvent.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_one_cause_counts_once_from_eight_connections_at_once() -> None:
    said = at_once(*(partial(say, STOP, reference="message:1") for _ in range(8)))

    assert sorted(said) == [False] * 7 + [True]
    assert (ConsentEvent.objects.count(), Suppression.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_many_stops_of_one_address_at_once_make_one_suppression() -> None:
    said = at_once(*(partial(say, STOP, reference=f"message:{number}") for number in range(8)))

    assert said == [True] * 8
    assert (ConsentEvent.objects.count(), Suppression.objects.count()) == (8, 1)


@pytest.mark.django_db
def test_stop_suppresses_the_address_and_start_lifts_it(john: Customer) -> None:
    clerk = UserFactory()

    say(STOP, customer=john, wording="STOP")
    suppressed = Suppression.objects.get()
    say(START, customer=john, wording="START", by=clerk)

    assert (suppressed.reason, suppressed.customer, suppressed.detail) == (SuppressionReason.STOP, john, "STOP")
    assert suppressions("sms", [ADDRESS]) == {}
    lifted = Suppression.objects.get()
    assert (lifted.lifted_by, lifted.lifted_because) == (clerk, "START")
    assert ConsentEvent.objects.get(status=ConsentStatus.OPT_IN).actor == clerk


@pytest.mark.django_db
def test_after_start_a_second_stop_suppresses_again() -> None:
    for word in (STOP, STOP, START, STOP):
        say(word)

    assert Suppression.objects.in_force().count() == 1
    assert Suppression.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("reason", sorted(set(SuppressionReason) - {SuppressionReason.STOP}))
def test_start_lifts_nothing_but_what_stop_did(reason: SuppressionReason) -> None:
    SuppressionFactory(address=ADDRESS, reason=reason)
    say(STOP)

    say(START)

    assert suppressions("sms", [ADDRESS])[ADDRESS] == reason


@pytest.mark.django_db
def test_marketing_words_suppress_nothing() -> None:
    say(NO_OFFERS)

    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_an_old_word_that_is_learnt_late_overturns_no_newer_one() -> None:
    say(STOP, occurred_at=JUNE)
    say(START, occurred_at=JUNE - DAY)
    assert not may(Purpose.TRANSACTIONAL) and suppressions("sms", [ADDRESS])

    say(START, occurred_at=JUNE + 2 * DAY)
    say(STOP, occurred_at=JUNE + DAY)
    assert may(Purpose.TRANSACTIONAL) and not suppressions("sms", [ADDRESS])


@pytest.mark.django_db
def test_a_word_speaks_of_one_address_on_one_channel(john: Customer) -> None:
    say(STOP, customer=john)

    assert may(Purpose.TRANSACTIONAL, address=OTHER)
    assert may(Purpose.TRANSACTIONAL, channel="whatsapp")
    assert suppressions("sms", [OTHER]) == suppressions("whatsapp", [ADDRESS]) == {}
