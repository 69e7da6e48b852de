"""Locks in their order: a customer, his conversation, then its messages."""

from communications.models import MessageData
from customers.models import Customer
from interactions.models import Conversation


def lock_thread(message: MessageData) -> Conversation | None:
    """The conversation that shows `message` as a reply, under its row lock; None where it is no reply."""
    if not (message.customer_id and message.conversation_id and message.message_id):
        return None
    Customer.objects.locked(message.customer_id)
    return Conversation.objects.locked(message.conversation_id)
