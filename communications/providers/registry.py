"""Which provider speaks for which channel. A new provider is its module and one line here."""

from functools import cache

from communications.providers.base import Provider
from communications.providers.twilio import Twilio
from customers.choices import Channel

_PROVIDERS: tuple[type[Provider], ...] = (Twilio,)
_DEFAULT = {Channel.SMS: "twilio", Channel.WHATSAPP: "twilio"}


@cache
def _by_name() -> dict[str, Provider]:
    return {cls.name: cls() for cls in _PROVIDERS}


def get(name: str) -> Provider:
    """The provider of that name. Raises KeyError."""
    return _by_name()[name]


def name_for(channel: str) -> str | None:
    """The provider that sends on `channel`, or None where nobody does yet."""
    return _DEFAULT.get(Channel(channel))


def names() -> list[str]:
    return sorted(_by_name())
