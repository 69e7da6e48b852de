"""Wanting no more, and changing one's mind, by the link in a message. It speaks for the address that the message went to."""

from dataclasses import dataclass

from django.db import transaction

from communications.models import MessageData
from communications.sending.facts import channel_of
from communications.tracking.hits import Visit, record_hit
from communications.tracking.links import unsubscribe_url
from communications.tracking.preferences import LINK, Preferences, preferences_of
from communications.tracking.tokens import token_for
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import ConsentPurpose, ConsentSource, ConsentStatus


@dataclass(frozen=True, kw_only=True)
class Said:
    """How it was said: by the mail client's own button or on our page, under which words, by whom."""

    source: ConsentSource
    wording: str
    visit: Visit


@transaction.atomic
def opt_out(message: MessageData, *, purpose: ConsentPurpose, said: Said) -> bool:
    """No more of `purpose` for the message's address. False, nothing written, where that holds already."""
    written = _record(message, preferences_of(message), ConsentStatus.OPT_OUT, purpose, said)
    if written:
        record_hit(said.visit, "unsubscribe", message.pk, url=unsubscribe_url(token_for(message.pk)), purpose=purpose)
    return written


@transaction.atomic
def undo_opt_out(message: MessageData, *, said: Said) -> bool:
    """Takes back the widest opt-out that holds, if a link did it. False where there is none."""
    preferences = preferences_of(message)
    if preferences.off is None or not preferences.may_undo:
        return False
    return _record(message, preferences, ConsentStatus.OPT_IN, ConsentPurpose(preferences.off.purpose), said)


def _record(
    message: MessageData, preferences: Preferences, status: ConsentStatus, purpose: ConsentPurpose, said: Said
) -> bool:
    """The cause is this link at this point of the ledger: two who press at once are one cause, a change of mind is another."""
    before = preferences.said(purpose)
    if before and before[-1].status == status:
        return False
    event = record_consent(
        ConsentStatement(
            customer=message.customer,
            channel=channel_of(message),
            address=message.recipient,
            status=status,
            purpose=purpose,
            source=said.source,
            wording=said.wording,
            reference=f"{LINK}{message.pk}:{len(before)}",
            ip_address=said.visit.address,
            evidence=dict(said.visit.headers),
        )
    )
    return event is not None
