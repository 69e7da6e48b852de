"""Which provider speaks for which channel. A new provider is its module and one line here."""

from functools import cache

from django.conf import settings

from communications.providers.base import Provider
from communications.providers.sendgrid import SendGrid
from communications.providers.smtp import Smtp
from communications.providers.tracking import Tracking
from communications.providers.twilio import Twilio
from customers.choices import Channel

_PROVIDERS: tuple[type[Provider], ...] = (Twilio, SendGrid, Smtp, Tracking)
_DEFAULT = {Channel.SMS: "twilio", Channel.WHATSAPP: "twilio"}


@cache
def _by_name() -> dict[str, Provider]:
    return {cls.name: cls() for cls in _PROVIDERS}


def get(name: str) -> Provider:
    """The provider of that name. Raises KeyError."""
    return _by_name()[name]


def name_for(channel: str) -> str | None:
    """The provider that sends on `channel`, or None where nobody does yet."""
    if channel == Channel.EMAIL:
        return str(settings.EMAIL_PROVIDER)
    return _DEFAULT.get(Channel(channel))


def sender_for(channel: str) -> str:
    """The address that a message on `channel` leaves from when its template names none."""
    return str(settings.EMAIL_FROM_ADDRESS if channel == Channel.EMAIL else settings.TWILIO_FROM_NUMBER)


def names() -> list[str]:
    return sorted(_by_name())
