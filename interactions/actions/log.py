"""What people write down themselves: a call, a visit, a chat elsewhere (source 000, UC-2); and conversations by hand."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from config.accounts.models import User
from config.db import now as database_now
from config.numbers import take_numbers
from config.refusals import Refused
from customers.models import Customer
from interactions.actions.conversations import begin_conversation, close_conversation, reopen_if_idle
from interactions.actions.record import count_interactions, participants
from interactions.choices import Lifecycle
from interactions.models import Conversation, Interaction
from interactions.wake import conversation_changed

_ORIGIN = ("source_system", "external_id")


@transaction.atomic
def log_interaction(values: Mapping[str, Any], *, by: User) -> Interaction:
    """One touch with a customer, numbered and counted; without participants: the customer and the employee.

    What another system logs twice under one id (`source_system`, `external_id`) is there once: the first is answered.
    Raises Refused where that one is of another customer.
    """
    customer = Customer.objects.locked(values["customer"].pk)
    if known := _known(customer, values):
        return known
    try:
        with transaction.atomic():
            return _log(customer, values, by)
    except IntegrityError:
        if known := _known(customer, values):  # logged at the same moment, of another customer
            return known
        raise


def _log(customer: Customer, values: Mapping[str, Any], by: User) -> Interaction:
    employee = values.get("employee")
    people = values.get("interaction_person_entities") or participants(customer.pk, employee.pk if employee else None)
    interaction = Interaction.objects.create(
        **{"lifecycle": Lifecycle.CAPTURED, **values, "customer": customer, "interaction_person_entities": people},
        interaction_number=take_numbers("INT")[0],
        created_by=by,
    )
    count_interactions([customer.pk], [interaction.interaction_ts])
    _tell(interaction)
    return interaction


@transaction.atomic
def change_interaction(interaction: Interaction, changes: Mapping[str, Any]) -> Interaction:
    """Write `changes`, and nothing else, to what stands now. Raises Refused for an external id that another one has."""
    try:
        with transaction.atomic():
            _store(interaction, changes)
    except IntegrityError as error:
        origin = {name: changes.get(name, getattr(interaction, name)) for name in _ORIGIN}
        if not origin["external_id"] or not _same(origin).exclude(pk=interaction.pk).exists():
            raise
        raise _taken(origin) from error
    _tell(interaction)
    return interaction


@transaction.atomic
def open_conversation(values: Mapping[str, Any]) -> Conversation:
    """A conversation begun by hand. Raises Refused while the customer has an active one: it is that one."""
    customer = Customer.objects.locked(values["customer"].pk)
    active = Conversation.objects.active_of(customer).first()
    if active is not None:
        sentence = f"This customer has an active conversation ({active.pk})."
        raise Refused("already_active", sentence, is_conflict=True)
    conversation = begin_conversation(customer, values["channel"], database_now())
    _store(conversation, {name: value for name, value in values.items() if name not in ("customer", "channel")})
    conversation_changed(conversation.pk)
    return conversation


@transaction.atomic
def change_conversation(conversation: Conversation, changes: Mapping[str, Any]) -> Conversation:
    """Write `changes`; `status` closes (as `closed_reason` says) or opens again what was closed for idleness. Raises Refused."""
    Customer.objects.locked(conversation.customer_id)
    current = Conversation.objects.locked(conversation.pk)
    wanted = changes.get("status", current.status)
    if wanted != current.status:
        _move(current, wanted, reason=changes.get("closed_reason") or Conversation.ClosedReason.RESOLVED)
    _store(current, {name: value for name, value in changes.items() if name not in ("status", "closed_reason")})
    conversation_changed(current.pk)
    return current


def _known(customer: Customer, values: Mapping[str, Any]) -> Interaction | None:
    """Under the customer's lock: two who log the same at once wait for each other. Raises Refused."""
    if not values.get("external_id"):
        return None
    known = _same(values).first()
    if known is not None and known.customer_id != customer.pk:
        raise _taken(values)
    return known


def _same(origin: Mapping[str, Any]) -> QuerySet[Interaction]:
    """What the database keeps unique."""
    named = {name: origin.get(name, "") for name in _ORIGIN}
    return Interaction.objects.filter(parent_interaction=None, deleted_ts=None, **named)


def _taken(origin: Mapping[str, Any]) -> Refused:
    sentence = f"Another interaction has the external id {origin['external_id']} of this system."
    return Refused("external_id_taken", sentence, attr="external_id", is_conflict=True)


def _move(conversation: Conversation, status: str, *, reason: str) -> None:
    if status == Conversation.Status.CLOSED:
        close_conversation(conversation.pk, reason, database_now())
        conversation.refresh_from_db()
        return
    if Conversation.objects.active_of(conversation.customer).exists():
        raise Refused("already_active", "This customer has another conversation that is active.", is_conflict=True)
    if not reopen_if_idle(conversation):
        sentence = "Only a conversation that was closed for idleness opens again; a new message begins another."
        raise Refused("not_idle", sentence, is_conflict=True)


def _store(row: Conversation | Interaction, changes: Mapping[str, Any]) -> None:
    if changes:
        for name, value in changes.items():
            setattr(row, name, value)
        stamp = "updated_at" if isinstance(row, Conversation) else "updated_ts"
        row.save(update_fields=[*changes, stamp])


def _tell(interaction: Interaction) -> None:
    if interaction.conversation_id:
        conversation_changed(interaction.conversation_id)
