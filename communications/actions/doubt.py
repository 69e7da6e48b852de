"""A person's word on a message in doubt, once he has looked: it arrived, or it is lost.

The provider's own later events still count: a person's word settles nothing against them.
"""

from django.db import transaction

from communications.actions.events import apply_events
from communications.actions.threads import lock_thread
from communications.choices import EventKind, MessageStatus
from communications.exceptions import SendRefused
from communications.models import MessageData
from communications.providers.base import DeliveryReceipt
from communications.sending.log import show_delivery
from config.accounts.models import User
from config.db import now as database_now
from customers.models import Customer

STAFF = "staff"  # whose word it is, where a provider's name stands


@transaction.atomic
def take_for_arrived(message: MessageData, *, by: User) -> None:
    """It counts as sent and stands in the record. Raises SendRefused `not_in_doubt`."""
    _check(message)
    receipt = DeliveryReceipt(
        reference=message.pk,
        provider=STAFF,
        event_id=f"{message.pk}:arrived",
        kind=EventKind.SENT,
        reason=f"{by.name} looked: it arrived.",
        payload={"by": str(by.pk)},
    )
    apply_events([receipt])


@transaction.atomic
def take_for_lost(message: MessageData, *, by: User) -> None:
    """It counts as failed, so no look-up puts it back into the queue. Raises SendRefused `not_in_doubt`."""
    mark_lost(_check(message), f"Taken for lost by {by.name}.")


def mark_lost(current: MessageData, said: str) -> None:
    """The same for a row that the caller holds the lock of."""
    current.status, current.failed_ts, current.decision_detail = MessageStatus.FAILED, database_now(), said
    current.save(update_fields=["status", "failed_ts", "decision_detail", "updated_ts"])
    show_delivery([current])


def _check(message: MessageData) -> MessageData:
    """The row under its lock; before it its customer's and its conversation's, as everywhere."""
    if message.customer_id:
        Customer.objects.locked(message.customer_id)
    lock_thread(message)
    current = MessageData.objects.select_for_update(no_key=True).get(pk=message.pk)
    if current.status != MessageStatus.UNCERTAIN:
        said = current.get_status_display().lower()
        raise SendRefused("not_in_doubt", f"It is in doubt no longer: this message is {said}.")
    return current
