from typing import Any

import pytest

from communications.providers import registry
from customers.choices import Channel


@pytest.mark.parametrize("name", ["sendgrid", "smtp"])
def test_e_mail_leaves_through_the_provider_that_is_configured(settings: Any, name: str) -> None:
    settings.EMAIL_PROVIDER = name

    assert registry.name_for(Channel.EMAIL) == name
    assert Channel.EMAIL in registry.get(name).capabilities.channels


def test_a_channel_that_nobody_sends_on_has_no_provider() -> None:
    assert registry.name_for(Channel.CHAT) is None


def test_each_channel_has_an_address_of_its_own_to_send_from(settings: Any) -> None:
    settings.EMAIL_FROM_ADDRESS, settings.TWILIO_FROM_NUMBER = "hello@huronhome.example", "+15195550100"

    senders = [registry.sender_for(channel) for channel in (Channel.EMAIL, Channel.SMS, Channel.WHATSAPP)]

    assert senders == ["hello@huronhome.example", "+15195550100", "+15195550100"]
