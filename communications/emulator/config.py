"""What the emulator reads from its environment, once, at start. The credentials here are known to everybody."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_ACCOUNT_SID = "AC" + "0" * 31 + "1"
DEFAULT_AUTH_TOKEN = "emulator-auth-token-0000000000001"
# Twilio's own test credentials accept this sender; here it is also the number a messaging service sends from.
DEFAULT_SENDER = "+15005550006"
INBOUND_PATH = "/api/webhooks/twilio/sms"
DEFAULT_API_KEY = "SG." + "emulator" + "0" * 14 + "." + "0" * 42 + "1"
# What Rapport verifies the emulator's event webhook with: base64 of DER, as SendGrid shows it.
SENDGRID_PUBLIC_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE48kL8HhumGG8xI0q8M0aWtQQMN9F5X6/8/89qfUrX9yd"
    "kcyXq0rIPHl5I7BRyH+NjYkMx4QWpcdK1F/CWRCfEg=="
)
EVENTS_PATH = "/api/webhooks/sendgrid/events"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """`sender` is the E.164 number behind every messaging service; `inbound_url` is where replies are posted, `events_url`
    where the events of mails are."""

    account_sid: str = DEFAULT_ACCOUNT_SID
    auth_token: str = DEFAULT_AUTH_TOKEN
    sender: str = DEFAULT_SENDER
    inbound_url: str = f"http://127.0.0.1:8000{INBOUND_PATH}"
    api_key: str = DEFAULT_API_KEY
    events_url: str = f"http://127.0.0.1:8000{EVENTS_PATH}"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """PORT is the port of Rapport's web process; it only makes the default of the URLs."""
        web = environ.get("PORT") or "8000"
        return cls(
            account_sid=environ.get("EMULATOR_TWILIO_ACCOUNT_SID") or DEFAULT_ACCOUNT_SID,
            auth_token=environ.get("EMULATOR_TWILIO_AUTH_TOKEN") or DEFAULT_AUTH_TOKEN,
            sender=environ.get("EMULATOR_TWILIO_SENDER") or DEFAULT_SENDER,
            inbound_url=environ.get("EMULATOR_INBOUND_SMS_URL") or f"http://127.0.0.1:{web}{INBOUND_PATH}",
            api_key=environ.get("EMULATOR_SENDGRID_API_KEY") or DEFAULT_API_KEY,
            events_url=environ.get("EMULATOR_SENDGRID_EVENTS_URL") or f"http://127.0.0.1:{web}{EVENTS_PATH}",
        )
