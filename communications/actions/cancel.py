"""Cancelling a message that has not left: by whoever wrote it, or by a program, as long as no call for it was begun."""

from django.db import transaction

from communications.actions.messages import withdraw_message
from communications.choices import Reason
from communications.models import MessageData
from customers.models import Customer
from interactions.actions.conversations import turn_back
from interactions.models import Conversation


@transaction.atomic
def cancel_message(message: MessageData) -> bool:
    """False when it is too late. After a reply that was never said it is again the turn of whom it was before."""
    thread = _thread(message)
    if not withdraw_message(message.pk, reason=Reason.CANCELLED):
        return False
    if thread and message.message_id:
        turn_back(thread, unsaid=message.message_id)
    return True


def _thread(message: MessageData) -> Conversation | None:
    """The conversation that shows it, locked after its customer and before the message, as everywhere."""
    if not (message.customer_id and message.conversation_id and message.message_id):
        return None
    Customer.objects.locked(message.customer_id)
    return Conversation.objects.locked(message.conversation_id)
