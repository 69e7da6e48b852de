"""Cancelling a message that has not left: by whoever wrote it, or by a program, as long as no call for it was begun."""

from django.db import transaction

from communications.actions.messages import lock_batch_of, withdraw_message
from communications.actions.threads import lock_thread
from communications.choices import Reason
from communications.models import MessageData
from interactions.actions.conversations import turn_back


@transaction.atomic
def cancel_message(message: MessageData) -> bool:
    """False when it is too late. After a reply that was never said it is again the turn of whom it was before.

    Lock order: batch, customer, conversation, message.
    """
    lock_batch_of(message.pk)
    thread = lock_thread(message)
    if not withdraw_message(message.pk, reason=Reason.CANCELLED):
        return False
    if thread and message.message_id:
        turn_back(thread, unsaid=message.message_id)
    return True
