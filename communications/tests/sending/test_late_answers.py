"""Answers that come after the claim was lost, and callbacks that come before the answer."""

from dataclasses import replace

import pytest
from django.utils import timezone

from communications.actions.events import apply_events
from communications.choices import EventKind, MessageStatus, Reason
from communications.models import DeliveryEvent, MessageData, SendBatch
from communications.providers.base import DeliveryReceipt, Outcome
from communications.sending.claim import claim_due
from communications.sending.settle import settle
from communications.sending.slices import Slice
from communications.sending.sweep import release_abandoned
from communications.tests.engine_fixtures import (
    answers,
    batch_of,
    fresh,
    let_leases_run_out,
    on_its_way,
    waiting,
    waiting_reply,
)
from interactions.models import Interaction, SmsDetails

pytestmark = pytest.mark.django_db


# --- a claim that was lost


def taken_over(sent: Slice) -> None:
    """The lease ran out; the sweeper gave the batch back, and another sender has it now."""
    let_leases_run_out()
    assert release_abandoned() == len(sent.claims)
    claim_due("transactional", most_rows=1_000)


def test_a_late_acceptance_is_kept_as_evidence_and_settles_the_doubt() -> None:
    [row] = waiting()
    sent = on_its_way()
    taken_over(sent)
    assert fresh(row).status == MessageStatus.UNCERTAIN

    settle(sent, answers(sent, Outcome.ACCEPTED))

    row = fresh(row)
    assert (row.status, row.possible_duplicate) == (MessageStatus.SENT, False)
    assert row.provider_message_id == f"SM{row.pk.hex}"
    event = DeliveryEvent.objects.get(message_data=row)
    assert (event.kind, event.provider_message_id) == (EventKind.ACCEPTED, row.provider_message_id)
    assert Interaction.objects.get().pk == row.interaction_id


def test_a_late_acceptance_of_what_was_sent_again_is_a_possible_double_and_overwrites_nothing() -> None:
    [row] = waiting()
    sent = on_its_way()
    taken_over(sent)
    sent_again = fresh(row)
    sent_again.status, sent_again.provider_message_id, sent_again.sent_ts = "sent", "SMagain", timezone.now()
    sent_again.save()

    settle(sent, answers(sent, Outcome.ACCEPTED))

    row = fresh(row)
    assert (row.status, row.provider_message_id, row.sent_ts) == ("sent", "SMagain", sent_again.sent_ts)
    assert row.possible_duplicate
    assert DeliveryEvent.objects.get().provider_message_id == f"SM{row.pk.hex}"
    assert Interaction.objects.count() == 1


def test_of_a_call_with_one_id_for_all_each_late_acceptance_is_kept() -> None:
    rows = waiting(3)
    sent = on_its_way()
    taken_over(sent)

    settle(sent, [replace(answer, provider_message_id="aBc") for answer in answers(sent, Outcome.ACCEPTED)])

    assert {event.message_data_id for event in DeliveryEvent.objects.all()} == {row.pk for row in rows}
    assert {fresh(row).provider_message_id for row in rows} == {"aBc"}


def test_an_acceptance_under_another_id_than_a_late_one_is_a_possible_double() -> None:
    [row] = waiting()
    sent = on_its_way()
    MessageData.objects.filter(pk=row.pk).update(status="sent", provider_message_id="SMlate", sent_ts=timezone.now())

    settle(sent, answers(sent, Outcome.ACCEPTED))

    assert fresh(row).possible_duplicate


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.RETRY, Outcome.DOWN, Outcome.UNCERTAIN])
def test_any_other_late_answer_leaves_the_doubt_as_it_is(outcome: Outcome) -> None:
    [row] = waiting()
    sent = on_its_way()
    taken_over(sent)

    settle(sent, answers(sent, outcome, error_code="x"))

    row = fresh(row)
    assert (row.status, row.decision_reason, row.retry_count) == (MessageStatus.UNCERTAIN, Reason.CRASHED, 0)
    assert DeliveryEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.ACCEPTED, MessageStatus.SENT),
        (Outcome.UNCERTAIN, MessageStatus.UNCERTAIN),
        (Outcome.RETRY, MessageStatus.PENDING),
    ],
)
def test_an_answer_to_a_batch_that_was_stopped_meanwhile_still_counts(outcome: Outcome, status: MessageStatus) -> None:
    [row] = waiting()
    sent = on_its_way()
    SendBatch.objects.filter(pk=row.batch_id).update(state="parked", lease_until=None, in_flight=[])

    settle(sent, answers(sent, outcome))

    assert fresh(row).status == status
    assert batch_of(row).state == "parked"


# --- a callback that was faster


def tell(row: MessageData, kind: EventKind, sid: str = "") -> None:
    receipt = DeliveryReceipt(
        reference=row.pk,
        provider="twilio",
        event_id=f"{row.pk}:{kind}",
        kind=kind,
        provider_message_id=sid or f"SM{row.pk.hex}",
    )
    apply_events([receipt])


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (EventKind.QUEUED, MessageStatus.SENT),
        (EventKind.DELIVERED, MessageStatus.DELIVERED),
        (EventKind.UNDELIVERED, MessageStatus.FAILED),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.UNCERTAIN])
def test_a_callback_before_the_answer_ends_right(kind: EventKind, status: MessageStatus, outcome: Outcome) -> None:
    [row] = waiting()
    sent = on_its_way()
    tell(row, kind)

    settle(sent, answers(sent, outcome))

    row = fresh(row)
    assert (row.status, row.provider_message_id) == (status, f"SM{row.pk.hex}")
    assert not row.possible_duplicate
    assert Interaction.objects.get().pk == row.interaction_id


def test_an_answer_after_its_callbacks_takes_nothing_back_in_the_thread() -> None:
    row, message = waiting_reply(channel="whatsapp", message_delivery_method="WHATSAPP")
    sent = on_its_way()
    tell(row, EventKind.DELIVERED)
    tell(row, EventKind.READ)

    settle(sent, answers(sent, Outcome.ACCEPTED))

    row = fresh(row)
    message.refresh_from_db()
    details = SmsDetails.objects.get(message=message)
    assert (message.delivery_status, details.delivery_status) == ("read", "read")
    assert details.delivered_at == row.delivered_ts is not None
    assert row.opened_ts is not None


def test_a_message_that_was_erased_during_its_call_does_not_stop_the_others() -> None:
    erased, stays = waiting(2)
    sent = on_its_way()
    MessageData.objects.filter(pk=erased.pk).delete()

    settle(sent, answers(sent, Outcome.ACCEPTED))

    assert fresh(stays).status == MessageStatus.SENT
