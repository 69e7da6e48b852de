"""What a bounce, a complaint and an unsubscription mean for the address, once each, in the events' own transaction."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from communications.actions.events import apply_events, fold_events
from communications.choices import EventKind, MessageStatus
from communications.models import DeliveryEvent, MessageData
from communications.providers.base import DeliveryReceipt
from communications.tests.engine_fixtures import at_once, waiting
from customers import consent
from customers.models import ConsentEvent, Suppression

pytestmark = pytest.mark.django_db

ADDRESS = "john@smith.example"


def mail(**values: Any) -> MessageData:
    """A mail that left."""
    values = {"recipient": ADDRESS, "status": MessageStatus.SENT, "sent_ts": timezone.now(), **values}
    [row] = waiting(message_delivery_method="EMAIL", provider="sendgrid", **values)
    return row


def told(row: MessageData, kind: EventKind, **values: Any) -> DeliveryReceipt:
    event_id = values.pop("event_id", f"{row.pk}:{kind}")
    return DeliveryReceipt(reference=row.pk, provider="sendgrid", event_id=event_id, kind=kind, **values)


def test_a_hard_bounce_suppresses_the_address_on_its_channel() -> None:
    row = mail()

    apply_events([told(row, EventKind.BOUNCED, reason="550 No such user")])

    held = Suppression.objects.get()
    assert (held.channel, held.address, held.reason) == ("email", ADDRESS, "hard_bounce")
    assert (held.detail, held.customer_id) == ("550 No such user", row.customer_id)
    assert not ConsentEvent.objects.exists()


def test_a_complaint_suppresses_and_opts_out_of_marketing() -> None:
    row = mail()

    apply_events([told(row, EventKind.COMPLAINED)])

    assert Suppression.objects.get().reason == "complaint"
    event = ConsentEvent.objects.get()
    assert (event.channel, event.address, event.status) == ("email", ADDRESS, "opt_out")
    assert (event.purpose, event.source, event.customer_id) == ("marketing", "complaint", row.customer_id)


def test_an_unsubscription_opts_out_of_marketing_alone_and_says_by_which_event() -> None:
    row = mail()

    apply_events([told(row, EventKind.UNSUBSCRIBED, event_id="E1", ip_address="192.0.2.7")])

    event = ConsentEvent.objects.get()
    assert (event.purpose, event.source, event.reference) == ("marketing", "carrier", "sendgrid:E1")
    assert (event.ip_address, event.evidence["message"]) == ("192.0.2.7", str(row.pk))
    assert not Suppression.objects.exists()
    assert consent.allowed("email", ADDRESS, "transactional").allowed
    assert not consent.allowed("email", ADDRESS, "marketing").allowed


@pytest.mark.parametrize(
    "kind", [EventKind.UNDELIVERED, EventKind.FAILED, EventKind.DEFERRED, EventKind.OPENED, EventKind.DELIVERED]
)
def test_nothing_else_says_anything_of_the_address(kind: EventKind) -> None:
    apply_events([told(mail(), kind)])

    assert not Suppression.objects.exists()
    assert not ConsentEvent.objects.exists()


def test_each_event_counts_once_however_often_it_is_told() -> None:
    row = mail()
    receipts = [told(row, kind) for kind in (EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED)]

    for again in (receipts, receipts[::-1], receipts * 2):
        apply_events(again)

    assert sorted(Suppression.objects.values_list("reason", flat=True)) == ["complaint", "hard_bounce"]
    assert ConsentEvent.objects.count() == 2


def test_what_staff_lifted_stays_lifted_when_the_old_event_is_told_again() -> None:
    row = mail()
    apply_events([told(row, EventKind.BOUNCED)])
    Suppression.objects.update(lifted_at=timezone.now(), lifted_because="The mailbox is back.")

    apply_events([told(row, EventKind.BOUNCED)])
    assert not Suppression.objects.in_force().exists()

    apply_events([told(row, EventKind.BOUNCED, event_id="a new bounce")])
    assert Suppression.objects.in_force().count() == 1


def test_a_later_consent_outweighs_an_unsubscription_that_is_learnt_late() -> None:
    row = mail()
    ConsentEvent.objects.create(
        channel="email", address=ADDRESS, status="opt_in", purpose="marketing", source="web", occurred_at=timezone.now()
    )

    apply_events([told(row, EventKind.UNSUBSCRIBED, occurred_at=timezone.now() - timedelta(days=1))])

    assert consent.allowed("email", ADDRESS, "marketing").allowed


def test_a_clock_that_is_ahead_puts_no_opt_out_off() -> None:
    row = mail()

    apply_events([told(row, EventKind.UNSUBSCRIBED, occurred_at=timezone.now() + timedelta(hours=9))])

    assert not consent.allowed("email", ADDRESS, "marketing").allowed
    assert ConsentEvent.objects.get().occurred_at <= timezone.now()


def test_a_notice_to_an_employee_that_bounced_suppresses_too() -> None:
    row = mail()
    MessageData.objects.update(customer=None)

    apply_events([told(row, EventKind.BOUNCED)])

    assert Suppression.objects.get().customer_id is None


def test_where_the_event_is_not_kept_its_consequence_is_not_either(monkeypatch: pytest.MonkeyPatch) -> None:
    row = mail()

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("communications.actions.consequences.ConsentEvent.objects.bulk_create", broken)
    with pytest.raises(ZeroDivisionError):
        apply_events([told(row, EventKind.COMPLAINED)])

    assert not Suppression.objects.exists()
    assert not DeliveryEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_workers_that_hear_of_the_same_addresses_at_once_suppress_each_once() -> None:
    rows = [
        row for n in range(10) for row in [mail(recipient=f"p{n}@smith.example"), mail(recipient=f"p{n}@smith.example")]
    ]
    kinds = (EventKind.BOUNCED, EventKind.COMPLAINED)
    receipts = [told(row, kind) for row in rows for kind in kinds]

    at_once(*[lambda n=n: fold_events(receipts[n:] + receipts[:n]) for n in range(0, 40, 5)])

    assert Suppression.objects.count() == 20
    assert ConsentEvent.objects.count() == 20
