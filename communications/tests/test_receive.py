"""Receiving: who wrote, and in which conversation. Races have real connections."""

from dataclasses import replace
from functools import partial
from itertools import cycle, islice

import pytest
from django.conf import LazySettings
from django.db import transaction

from communications.actions.inbound import receive
from communications.models import MessageData
from communications.tests.inbox import mail, sent_to, sms, whatsapp
from customers.identity.normalise import InvalidAddress
from customers.models import ConsentEvent, Customer
from customers.tests.database import at_once, stored
from customers.tests.factories import CustomerFactory, CustomerIdentifierFactory
from interactions.actions.facts import InboundMessage
from interactions.actions.record import lock_customers, record_outbound_many
from interactions.models import CommunicationEvent, Conversation, Interaction, Message


def receive_at_once(*messages: InboundMessage) -> list[Message]:
    return at_once(*(partial(receive, message) for message in messages))


# --- one customer, one conversation, one message: under any concurrency ----------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_forty_first_messages_of_one_person_at_once_make_one_customer_and_one_conversation() -> None:
    ways = (sms, whatsapp)
    messages = [ways[number % 2](f"Hello {number}") for number in range(40)]

    receive_at_once(*messages)

    john = Customer.objects.get()
    assert (Conversation.objects.get().customer, Message.objects.count()) == (john, 40)
    assert john.total_interactions == 40 == Interaction.objects.count()


@pytest.mark.django_db(transaction=True)
def test_fifty_unknown_numbers_writing_by_sms_and_whatsapp_at_once_make_fifty_customers_and_conversations() -> None:
    numbers = [f"+1416555{number:04d}" for number in range(2000, 2050)]

    receive_at_once(*(way("Hello", sender=number) for number in numbers for way in (sms, whatsapp)))

    assert Customer.objects.count() == 50
    assert Conversation.objects.count() == 50
    assert Conversation.objects.values("customer").distinct().count() == 50
    assert Message.objects.count() == 100


@pytest.mark.django_db(transaction=True)
def test_fifty_known_people_writing_by_sms_and_email_at_once_stay_fifty_with_one_conversation_each() -> None:
    messages = []
    for number in range(50):
        phone, address = f"+1416555{3000 + number}", f"person{number}@example.test"
        customer = CustomerFactory(primary_email=address, phone=phone)
        CustomerIdentifierFactory(customer=customer, identifier_type="phone", identifier_value=phone)
        CustomerIdentifierFactory(customer=customer, identifier_type="email", identifier_value=address)
        messages += [sms("Hello", sender=phone), mail("Hello", sender=address.upper())]

    receive_at_once(*messages)

    assert Customer.objects.count() == 50
    assert Conversation.objects.count() == 50
    assert Conversation.objects.values("customer").distinct().count() == 50
    assert Message.objects.count() == 100


@pytest.mark.django_db(transaction=True)
def test_one_webhook_received_by_eight_workers_at_once_is_one_message() -> None:
    for number in range(5):
        received = receive_at_once(*[sms("Hello", sid=f"SM{number}")] * 8)
        assert len({message.pk for message in received}) == 1

    assert Message.objects.count() == Interaction.objects.count() == 5
    assert Customer.objects.get().total_interactions == 5


@pytest.mark.django_db(transaction=True)
def test_two_messages_of_one_customer_on_two_channels_at_once_share_a_conversation() -> None:
    for number in range(10):
        sender = f"+1416555{4000 + number}"
        received = receive_at_once(sms("Hello", sender=sender), whatsapp("Hello", sender=sender))
        assert len({message.conversation_id for message in received}) == 1

    assert Conversation.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_receiving_and_logging_what_was_sent_never_wait_for_each_other_in_a_ring(settings: LazySettings) -> None:
    settings.CARRIER_WORDS = []
    phones = ["+14165555001", "+14165555002", "+14165555003"]
    customers = [receive(sms("Hello", sender=phone)).conversation.customer for phone in phones]

    def write(name: str) -> None:
        texts = cycle(["STOP", "START", "How are you?", "HELP", "C"])
        for number, (text, phone) in enumerate(islice(zip(texts, cycle(phones), strict=False), 50)):
            receive(sms(text, sender=phone, sid=f"{name}-{number}"))

    def log(order: list[Customer]) -> None:
        for _ in range(50):
            with transaction.atomic():
                lock_customers([customer.pk for customer in order])
                rows = MessageData.objects.select_for_update(no_key=True).order_by("id")
                list(rows.filter(customer__in=order)[:20])
                record_outbound_many([sent_to(customer) for customer in order])

    at_once(
        partial(write, "one"), partial(write, "two"), partial(log, customers), partial(log, list(reversed(customers)))
    )

    counted = dict(Customer.objects.values_list("pk", "total_interactions"))
    assert counted == {c.pk: Interaction.objects.filter(customer=c).count() for c in customers}
    assert Message.objects.filter(direction="inbound").count() == 103
    assert Conversation.objects.count() == 3


# --- what is received ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_repeat_changes_nothing(john: Customer) -> None:
    first = receive(sms("STOP"))
    before = stored()

    assert receive(sms("STOP")) == first
    assert stored() == before


@pytest.mark.django_db
def test_who_writes_has_proven_his_number(john: Customer) -> None:
    receive(whatsapp("Hello"))

    proven = john.identifiers.filter(verified=True)
    assert set(proven.values_list("identifier_type", flat=True)) == {"phone", "whatsapp"}


@pytest.mark.django_db
def test_a_mail_proves_nothing_by_itself(jane: Customer) -> None:
    receive(mail("Hello", sender="jane@example.test"))

    assert not jane.identifiers.get().verified


@pytest.mark.django_db
def test_a_picture_without_a_text_is_a_message(john: Customer) -> None:
    message = receive(sms("", sid="MM1", media_urls=("https://media.test/1", "https://media.test/2")))

    assert (message.content, message.conversation.customer) == ("", john)
    assert message.sms_details.media_urls == ["https://media.test/1", "https://media.test/2"]
    assert not CommunicationEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("sender", ["", "anonymous", "+1", "4165", "whatsapp:"])
def test_a_sender_who_is_no_address_is_refused_and_leaves_nothing(sender: str) -> None:
    before = stored()

    with pytest.raises(InvalidAddress):
        receive(sms("STOP", sender=sender))

    assert stored() == before


@pytest.mark.django_db
def test_what_a_machine_wrote_is_recorded_and_not_obeyed(john: Customer) -> None:
    receive(sms("STOP", written_by_machine=True))

    assert Message.objects.count() == 1
    assert not ConsentEvent.objects.exists()


@pytest.mark.django_db
def test_a_mail_that_says_stop_is_conversation(jane: Customer) -> None:
    receive(mail("STOP", sender="jane@example.test"))

    assert not ConsentEvent.objects.exists() and not MessageData.objects.exists()


@pytest.mark.django_db
def test_two_contents_under_one_id_are_both_kept_and_each_repeat_is_recognised(john: Customer) -> None:
    first = receive(sms("Hello", sid="SM1"))
    second = receive(replace(sms("Hello", sid="SM1"), content="Hello again"))

    assert receive(sms("Hello", sid="SM1")) == first
    assert receive(replace(sms("Hello", sid="SM1"), content="Hello again")) == second
    assert Message.objects.count() == 2
