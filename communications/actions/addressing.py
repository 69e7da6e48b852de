"""Who gets each message, and where: for many requests at once, in a fixed number of statements.

Somebody unknown becomes a customer, so that the message has a timeline.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from django.conf import settings

from communications.actions.message_request import MessageRequest
from communications.exceptions import SendRefused
from communications.providers import registry
from customers.choices import IDENTIFIER_OF_CHANNEL, Channel
from customers.identity.identify import adopt_addresses, identify_many
from customers.identity.normalise import InvalidAddress, normalise
from customers.models import Customer, CustomerIdentifier, Employee


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """`recipient` is normal. A notice to an employee has no customer, and a test has none either."""

    recipient: str
    customer: Customer | None = None


Found: TypeAlias = dict[int, Addressee | SendRefused]  # by the request's place


def find_addressees(requests: Sequence[MessageRequest]) -> list[Addressee | SendRefused]:
    """For each request who gets it, or why it cannot be addressed."""
    found: Found = {}
    own: dict[Channel, dict[int, Customer]] = defaultdict(dict)
    strangers: dict[Channel, dict[int, MessageRequest]] = defaultdict(dict)
    for place, request in enumerate(requests):
        if registry.name_for(request.channel) is None:
            found[place] = _nobody_sends(request.channel)
        elif request.is_test:
            found[place] = _or_refused(_of_test, request)
        elif request.employee:
            found[place] = _or_refused(_of_employee, request, request.employee)
        elif request.customer and request.recipient:
            found[place] = _or_refused(_of_customer, request, request.customer)
        elif request.customer:
            own[request.channel][place] = request.customer
        else:
            strangers[request.channel][place] = request
    for channel, customers in own.items():
        found |= _at_their_own(channel, customers)
    for channel, those in strangers.items():
        found |= _strangers(channel, those)
    return [found[place] for place in range(len(requests))]


def own_address(customer: Customer, channel: Channel) -> str:
    """The customer's address for the channel. Raises SendRefused."""
    [found] = _at_their_own(channel, {0: customer}).values()
    if isinstance(found, SendRefused):
        raise found
    return found.recipient


def normal_address(channel: Channel, address: str) -> str:
    """Raises SendRefused."""
    try:
        return normalise(IDENTIFIER_OF_CHANNEL[channel], address, region=settings.PHONE_REGION)
    except InvalidAddress as error:
        raise SendRefused(error.code, str(error), attr="recipient") from error


def line_of(channel: Channel) -> tuple[str, str]:
    """Provider and sender for a channel. Raises SendRefused where nobody sends."""
    provider = registry.name_for(channel)
    if provider is None:
        raise _nobody_sends(channel)
    return provider, registry.sender_for(channel)


def _nobody_sends(channel: Channel) -> SendRefused:
    return SendRefused("method_not_supported", f"Nothing sends on {channel.label} yet.", attr="message_schema")


def _or_refused(
    find: "Callable[..., Addressee]", request: MessageRequest, *args: Customer | Employee
) -> Addressee | SendRefused:
    try:
        return find(request, *args)
    except SendRefused as refusal:
        return refusal


def _of_test(request: MessageRequest) -> Addressee:
    return Addressee(recipient=_named(request, request.channel))


def _of_employee(request: MessageRequest, employee: Employee) -> Addressee:
    address = request.recipient or (employee.email if request.channel == Channel.EMAIL else employee.phone)
    if not address:
        sentence = f"This employee has no address for {request.channel.label}."
        raise SendRefused("no_address", sentence, attr="employee")
    return Addressee(recipient=normal_address(request.channel, address))


def _of_customer(request: MessageRequest, customer: Customer) -> Addressee:
    return Addressee(recipient=normal_address(request.channel, request.recipient), customer=customer)


def _at_their_own(channel: Channel, customers: dict[int, Customer]) -> Found:
    """At their verified address first, then at the oldest, then at the one on the card, which they adopt."""
    known = _known_addresses(channel, {customer.pk for customer in customers.values()})
    found: Found = {}
    adopted: dict[str, UUID] = {}
    for place, customer in customers.items():
        try:
            address = known.get(customer.pk) or _on_his_card(customer, channel)
        except SendRefused as refusal:
            found[place] = refusal
            continue
        if customer.pk not in known:
            adopted[address] = customer.pk  # so that his answer leads back to him
        found[place] = Addressee(recipient=address, customer=customer)
    if adopted:
        adopt_addresses(channel, adopted)
    return found


def _known_addresses(channel: Channel, customer_ids: Iterable[UUID]) -> dict[UUID, str]:
    kind = IDENTIFIER_OF_CHANNEL[channel]
    rows = CustomerIdentifier.objects.filter(customer__in=customer_ids, identifier_type=kind)
    last_wins = rows.order_by("verified", "-created_at").values_list("customer_id", "identifier_value")
    return dict(last_wins)


def _on_his_card(customer: Customer, channel: Channel) -> str:
    card = {Channel.EMAIL: customer.primary_email or "", Channel.SMS: customer.phone}.get(channel, "")
    if not card:
        raise SendRefused("no_address", f"This customer has no address for {channel.label}.", attr="customer")
    return normal_address(channel, card)


def _strangers(channel: Channel, requests: dict[int, MessageRequest]) -> Found:
    """Those who are named by an address only; whoever has it already is the one."""
    found: Found = {}
    addresses: dict[int, str] = {}
    for place, request in requests.items():
        try:
            addresses[place] = _named(request, channel)
        except SendRefused as refusal:
            found[place] = refusal
    names = {address: requests[place].recipient_name for place, address in addresses.items()}
    customers = identify_many(channel, names) if names else {}
    return found | {
        place: Addressee(recipient=address, customer=customers[address]) for place, address in addresses.items()
    }


def _named(request: MessageRequest, channel: Channel) -> str:
    if not request.recipient:
        raise SendRefused("no_recipient", "Name a customer, an employee or an address.", attr="recipient")
    return normal_address(channel, request.recipient)
