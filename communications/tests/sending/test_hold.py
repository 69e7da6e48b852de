from io import StringIO

import pytest
from django.core.management import call_command

from communications.actions.hold import hold_sending, release_sending
from communications.choices import MessageStatus
from communications.models import MessageData, SendingHold
from communications.sending.claim import claim_due, due_within
from communications.tests.engine_fixtures import at_once
from communications.tests.factories import MessageDataFactory, SendBatchFactory


def told(*command: str) -> str:
    output = StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
def test_nothing_is_claimed_while_sending_is_held() -> None:
    MessageDataFactory(batch=SendBatchFactory())

    assert "Sending is held." in told("hold", "restored")
    held = claim_due("transactional", most_rows=256)
    assert "since" in told("hold", "again")
    assert "Sending goes on." in told("release")
    claimed = claim_due("transactional", most_rows=256)

    assert (held, len(claimed)) == ([], 1)
    assert "Nothing was held." in told("release")
    assert MessageData.objects.get().status == MessageStatus.PENDING


@pytest.mark.django_db
def test_a_sender_does_not_wait_busily_for_what_is_held() -> None:
    SendBatchFactory()
    hold_sending("restored")

    assert due_within("transactional", 5.0) is None


@pytest.mark.django_db(transaction=True)
def test_two_who_hold_at_once_make_one_hold() -> None:
    made = at_once(*[lambda: hold_sending("restored")] * 4)

    assert sorted(made) == [False, False, False, True]
    assert SendingHold.objects.count() == 1
    assert release_sending()
