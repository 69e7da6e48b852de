"""Settling doubt by asking the provider: found, unknown to it, or no answer."""

from collections.abc import Coroutine
from typing import Any

import pytest
from django.utils import timezone

from communications.actions import events
from communications.actions.events import look_up
from communications.choices import MessageStatus, Reason
from communications.emulator.testing import Emulator
from communications.models import MessageData
from communications.sending.run import send_due
from communications.tests.engine_fixtures import (
    at_once,
    batch_of,
    fresh,
    make_due,
    provider,
    waiting,
    waiting_reply,
)
from interactions.models import Interaction

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


def in_doubt(**values: Any) -> MessageData:
    [row] = waiting(status=MessageStatus.UNCERTAIN, decision_reason=Reason.NO_ANSWER, **values)
    return row


def asked(*rows: MessageData) -> int:
    return look_up(MessageData.objects.filter(pk__in=[row.pk for row in rows]))


def test_what_the_provider_took_is_sent_and_logged_once(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=1)
    [row] = waiting()
    send_due("transactional")
    assert fresh(row).status == MessageStatus.UNCERTAIN

    assert asked(row) == 1

    row = fresh(row)
    assert row.status in (MessageStatus.SENT, MessageStatus.DELIVERED)
    assert row.provider_message_id == provider.ledger("accepted")[0]["sid"]
    assert row.decision_reason == ""
    assert Interaction.objects.get().pk == row.interaction_id
    assert asked(row) == 0
    assert provider.count()["total"] == 1


def test_what_the_provider_does_not_know_goes_back_and_is_sent_once(provider: Emulator) -> None:
    provider.faults("drop_before", times=1)
    [row] = waiting()
    send_due("transactional")

    assert asked(row) == 1

    again = fresh(row)
    assert (again.status, again.decision_reason, again.retry_count) == (MessageStatus.PENDING, Reason.RETRY, 1)
    assert batch_of(again).pk != row.batch_id
    make_due()
    assert send_due("transactional") == 1
    assert fresh(row).status == MessageStatus.SENT
    assert provider.count()["total"] == 1


def test_a_doubt_that_was_tried_too_often_is_given_up(provider: Emulator) -> None:
    row, message = waiting_reply(status=MessageStatus.UNCERTAIN, max_retries=2, retry_count=2)

    assert asked(row) == 1

    row = fresh(row)
    assert (row.status, row.decision_reason, row.failed_ts is not None) == ("failed", Reason.GAVE_UP, True)
    message.refresh_from_db()
    assert message.delivery_status == "failed"


def test_while_the_provider_does_not_answer_a_doubt_stays_one(provider: Emulator) -> None:
    row = in_doubt()
    provider.faults("503")

    assert asked(row) == 0
    assert fresh(row).status == MessageStatus.UNCERTAIN


def test_of_two_equal_messages_in_doubt_each_finds_its_own(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=2)
    twins = [*waiting(recipient="+14165590001"), *waiting(recipient="+14165590001")]
    send_due("transactional")

    assert asked(*twins) == 2

    ids = {fresh(row).provider_message_id for row in twins}
    assert ids == {entry["sid"] for entry in provider.ledger("accepted")}
    assert not MessageData.objects.filter(possible_duplicate=True).exists()


def test_of_two_equal_messages_of_which_one_left_one_is_sent_again(provider: Emulator) -> None:
    provider.faults("accept_then_drop", times=1)
    provider.faults("drop_before", times=1)
    twins = [*waiting(recipient="+14165590001"), *waiting(recipient="+14165590001")]
    send_due("transactional")

    assert asked(*twins) == 2

    statuses = sorted(fresh(row).status for row in twins)
    assert statuses[0] == MessageStatus.PENDING
    assert statuses[1] in (MessageStatus.SENT, MessageStatus.DELIVERED)
    make_due()
    send_due("transactional")
    assert provider.count()["total"] == 2


def test_a_message_that_another_one_is_known_to_be_is_not_taken_for_this_one(provider: Emulator) -> None:
    [known] = waiting(recipient="+14165590001")
    send_due("transactional")
    row = in_doubt(recipient="+14165590001")

    assert asked(row) == 1

    assert fresh(row).status == MessageStatus.PENDING
    assert fresh(known).status == MessageStatus.SENT


@pytest.mark.parametrize("new_status", ["delivered", "uncertain"])
def test_an_old_absence_is_no_proof_of_what_happened_since(
    provider: Emulator, monkeypatch: pytest.MonkeyPatch, new_status: str
) -> None:
    """While one asks, another has asked, sent it again and got no answer (or a callback came): the list is stale."""
    row = in_doubt()
    real = events.loop.run

    def meanwhile(work: Coroutine[Any, Any, Any]) -> Any:
        receipts = real(work)
        row.status, row.sent_ts = new_status, timezone.now()
        row.save()
        return receipts

    monkeypatch.setattr(events.loop, "run", meanwhile)

    assert asked(row) == 0
    assert fresh(row).status == new_status


@pytest.mark.django_db(transaction=True)
def test_two_who_look_up_the_same_doubts_at_once_send_each_again_once(provider: Emulator) -> None:
    rows = [in_doubt() for _ in range(10)]

    settled = at_once(*[lambda: asked(*rows)] * 2)

    assert sum(settled) == 10
    assert {fresh(row).retry_count for row in rows} == {1}
    make_due()
    assert send_due("transactional") == 10
    assert provider.count()["groups"] == provider.count()["total"] == 10
