import pytest
from django.utils import timezone

from communications.choices import MessageStatus
from communications.models import ProviderCircuit
from communications.sending.waiting import waits_for
from communications.tests.factories import MessageDataFactory, ProviderCircuitFactory, SenderLineFactory

pytestmark = pytest.mark.django_db

LINE = "+15195550100"


def test_a_message_whose_line_is_paused_says_so() -> None:
    SenderLineFactory(sender="", paused=False)
    SenderLineFactory(sender=LINE, paused=True)

    assert waits_for(MessageDataFactory(sender=LINE)) == f"It waits: the line {LINE} is paused."
    assert waits_for(MessageDataFactory(sender="+15195550101")) == ""


def test_a_message_whose_provider_is_away_says_so() -> None:
    ProviderCircuitFactory(provider="twilio", state=ProviderCircuit.State.OPEN, probe_at=timezone.now())

    assert "twilio does not answer" in waits_for(MessageDataFactory())
    assert waits_for(MessageDataFactory(status=MessageStatus.SENT, sent_ts=timezone.now())) == ""
