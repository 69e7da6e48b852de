"""Sending again what did not arrive: a new row that says the same, never a rewind. Whether it leaves is decided afresh.

Each message is sent again once; what came of that may be sent again in its turn, so the chain tells every attempt.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from communications import wake
from communications.actions.doubt import mark_lost
from communications.actions.messages import reply_to_conversation
from communications.actions.threads import lock_thread
from communications.choices import MessageStatus, Reason
from communications.exceptions import SendRefused
from communications.models import AppointmentReminder, MessageData
from communications.sending.requeue import requeue
from config.accounts.models import User
from config.db import now as database_now
from config.numbers import take_numbers
from customers.models import Appointment
from interactions.models import Conversation

RESENDABLE = (MessageStatus.FAILED, MessageStatus.BOUNCED, MessageStatus.CANCELLED, MessageStatus.SUPPRESSED)
_UNSENDABLE = (Reason.MISSING_VARIABLE, Reason.TEMPLATE_ERROR, Reason.TOO_LONG)
# Version and variables are the same, so what they render to is the same.
_SAME = (
    "message_schema",
    "schema_version",
    "customer",
    "employee",
    "appointment",
    "conversation",
    "recipient",
    "recipient_name",
    "message_delivery_method",
    "purpose",
    "provider",
    "sender",
    "language",
    "content_data",
    "segment_count",
    "cost_currency",
    "metadata",
    "max_retries",
)


@transaction.atomic
def resend_message(message: MessageData, *, by: User | None = None, despite_doubt: bool = False) -> MessageData:
    """The new message. Raises SendRefused: `not_resendable`, `in_doubt`, `already_resent`, `withdrawn`, `unsendable`.

    `despite_doubt` is a person's word that a message in doubt is lost: it is marked so, and the new one as a possible
    double.
    """
    thread = lock_thread(message)
    original = MessageData.objects.select_for_update(no_key=True).get(pk=message.pk)
    doubtful = original.status == MessageStatus.UNCERTAIN
    _check(original, allowed=(*RESENDABLE, MessageStatus.UNCERTAIN) if despite_doubt else RESENDABLE)
    if doubtful:
        mark_lost(original, f"Taken for lost by {by.name if by else 'the system'} and sent again.")
    fresh = _say_again(original, thread, by) if thread else _copy(original, by)
    fresh.resend_of, fresh.possible_duplicate = original, doubtful
    fresh.save(update_fields=["resend_of", "possible_duplicate", "updated_ts"])
    return fresh


def _check(original: MessageData, *, allowed: tuple[MessageStatus, ...]) -> None:
    if original.status not in allowed and original.status == MessageStatus.UNCERTAIN:
        raise SendRefused("in_doubt", "It may have arrived. A person has to look, and to say that it is lost.")
    if original.status not in allowed:
        said = original.get_status_display().lower()
        raise SendRefused("not_resendable", f"Only what did not arrive is sent again; this message is {said}.")
    again = MessageData.objects.filter(resend_of=original).values_list("message_number", flat=True).first()
    if again:
        raise SendRefused("already_resent", f"It was sent again as {again}.")
    if original.decision_reason in _UNSENDABLE:
        raise SendRefused(
            "unsendable", f"It could not be sent again: {original.get_decision_reason_display().lower()}."
        )
    if original.decision_reason == Reason.WITHDRAWN or _reminds_of_what_changed(original):
        raise SendRefused("withdrawn", "The appointment was moved, answered or cancelled, or is over.")


def _reminds_of_what_changed(original: MessageData) -> bool:
    first = original
    while first.resend_of:
        first = first.resend_of
    reminder = AppointmentReminder.objects.select_related("appointment").filter(message_data=first).first()
    if reminder is None:
        return False
    visit = reminder.appointment
    stands = reminder.state == AppointmentReminder.State.PLANNED and reminder.revision == visit.revision
    return not (stands and visit.status == Appointment.Status.SCHEDULED and visit.starts_at > database_now())


def _say_again(original: MessageData, thread: Conversation, by: User | None) -> MessageData:
    text = original.content_data["finalMessage"]
    return reply_to_conversation(thread, text=text, by=by, metadata=original.metadata)


def _copy(original: MessageData, by: User | None) -> MessageData:
    at = database_now()
    fresh = MessageData(
        message_number=take_numbers("MSG")[0],
        created_by=by,
        expires_ts=_expiry(original, at),
        cost=Decimal(original.content_data["cost"]) if "cost" in original.content_data else None,
        **{name: getattr(original, name) for name in _SAME},
    )
    fresh.save(force_insert=True)
    requeue([(fresh, at.replace(microsecond=0))])
    wake.sender(fresh.purpose)
    return fresh


def _expiry(original: MessageData, at: datetime) -> datetime | None:
    """The template's validity begins anew; a moment that somebody named holds as long as it is to come."""
    validity = original.message_schema.validity_seconds if original.message_schema else None
    if validity:
        return at + timedelta(seconds=validity)
    return original.expires_ts if original.expires_ts and original.expires_ts > at else None
