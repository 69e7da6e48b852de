"""One person, one customer: however many write at once, from however many addresses, spelt however they like."""

from functools import partial

import pytest

from customers.choices import IdentifierKind
from customers.identity import identify as module
from customers.identity.identify import identify, prove
from customers.identity.normalise import InvalidAddress
from customers.models import Customer, CustomerIdentifier
from customers.tests.database import at_once, stored
from customers.tests.factories import CustomerFactory, CustomerIdentifierFactory

SPELLINGS = (
    ("sms", "+1 (416) 555-7788"),
    ("whatsapp", "whatsapp:+14165557788"),
    ("sms", "416-555-7788"),
    ("whatsapp", "+14165557788"),
    ("voice", "tel:+1-416-555-7788"),
)

pytestmark = pytest.mark.django_db


def identifiers_of(customer: Customer) -> set[tuple[str, str]]:
    return set(customer.identifiers.values_list("identifier_type", "identifier_value"))


@pytest.mark.django_db(transaction=True)
def test_two_hundred_first_contacts_of_one_person_at_once_make_one_customer() -> None:
    contacts = [SPELLINGS[number % len(SPELLINGS)] for number in range(200)]

    found = at_once(*(partial(identify, channel, value) for channel, value in contacts))

    assert len({customer.pk for customer in found}) == 1
    customer = Customer.objects.get()
    assert identifiers_of(customer) == {("phone", "+14165557788"), ("whatsapp", "+14165557788")}


@pytest.mark.django_db(transaction=True)
def test_forty_first_mails_of_one_person_at_once_make_one_customer() -> None:
    spellings = ("Jane.Doe@Example.test", "jane.doe@example.test", " JANE.DOE@EXAMPLE.TEST ", "jane.doe@EXAMPLE.test")

    at_once(*(partial(identify, "email", spellings[number % 4], "Jane Doe") for number in range(40)))

    customer = Customer.objects.get()
    assert (customer.primary_email, customer.name) == ("jane.doe@example.test", "Jane Doe")
    assert identifiers_of(customer) == {("email", "jane.doe@example.test")}


@pytest.mark.django_db(transaction=True)
def test_a_customer_whom_staff_make_at_the_same_moment_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    look, looks = module._owners, []

    def staff_are_faster(kind: IdentifierKind, addresses: object) -> object:
        found = look(kind, addresses)
        if not looks:
            looks.extend(at_once(partial(CustomerFactory, primary_email="jane@example.test")))
        return found

    monkeypatch.setattr(module, "_owners", staff_are_faster)

    assert identify("email", "jane@example.test") == looks[0] == Customer.objects.get()
    assert identifiers_of(looks[0]) == {("email", "jane@example.test")}


def test_a_whatsapp_account_and_a_phone_of_one_number_are_one_person() -> None:
    by_phone, by_whatsapp = identify("sms", "+14165551111"), identify("whatsapp", "+14165552222")

    assert identify("whatsapp", "whatsapp:+14165551111") == by_phone
    assert identify("sms", "416 555 2222") == by_whatsapp
    assert Customer.objects.count() == 2


def test_a_phone_number_alone_is_no_whatsapp_account() -> None:
    assert identifiers_of(identify("sms", "+14165551111")) == {("phone", "+14165551111")}


def test_somebody_known_by_his_whatsapp_account_only_is_found_by_his_phone(john: Customer) -> None:
    CustomerIdentifierFactory(customer=john, identifier_type="whatsapp", identifier_value="+14165559999")

    assert identify("sms", "+14165559999") == john
    assert ("phone", "+14165559999") in identifiers_of(john)


def test_a_customer_with_an_email_and_no_identifier_is_found_and_gets_it() -> None:
    jane = CustomerFactory(primary_email="jane@example.test")

    assert identify("email", "Jane@Example.test") == jane
    assert identifiers_of(jane) == {("email", "jane@example.test")}


@pytest.mark.parametrize(
    ("channel", "spelling", "normal"),
    [
        ("email", "Jane@Example.Test", "jane@example.test"),
        ("web_form", "jane@example.test", "jane@example.test"),
        ("email", "jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
        ("email", "jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("sms", "416 555 1234", "+14165551234"),
        ("voice", "+44 20 7946 0958", "+442079460958"),
        ("whatsapp", "whatsapp:+447400123456", "+447400123456"),
        ("social", " psid-1 ", "psid-1"),
        ("chat", "visitor-1", "visitor-1"),
    ],
)
def test_what_is_stored_is_the_normal_form_and_it_is_found_again_by_any_spelling(
    channel: str, spelling: str, normal: str
) -> None:
    customer = identify(channel, spelling)

    assert normal in {value for _, value in identifiers_of(customer)}
    assert identify(channel, normal) == customer
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(("channel", "value"), [("sms", "4165"), ("email", "nobody"), ("whatsapp", ""), ("chat", "  ")])
def test_what_is_no_address_makes_nobody(channel: str, value: str) -> None:
    before = stored()

    with pytest.raises(InvalidAddress):
        identify(channel, value)

    assert stored() == before


def test_a_new_customer_has_the_name_the_address_and_the_time_zone_of_his_number() -> None:
    customer = identify("sms", "+16045550117", "  Priya Raman ")

    assert (customer.name, customer.phone) == ("Priya Raman", "+16045550117")
    assert customer.time_zone == "America/Vancouver"


def test_a_number_that_tells_no_time_zone_means_ours(settings) -> None:
    assert identify("sms", "+18005550199").time_zone == settings.TIME_ZONE


def test_who_is_known_keeps_his_name(john: Customer) -> None:
    assert identify("sms", john.phone, "Johnny").name == "John Smith"


def test_an_address_is_proven_once_and_with_its_twin() -> None:
    customer = identify("whatsapp", "+14165551111")

    prove(customer, "whatsapp", "+14165551111")
    proven = set(customer.identifiers.values_list("verified", "verified_at"))
    prove(customer, "sms", "+14165551111")

    assert len(proven) == 1 and proven.pop()[0]
    assert CustomerIdentifier.objects.filter(verified=True).values("verified_at").distinct().count() == 1


def test_nobody_proves_the_address_of_another(john: Customer, jane: Customer) -> None:
    prove(jane, "sms", john.phone)

    assert not john.identifiers.get().verified


@pytest.mark.django_db
def test_a_number_that_stands_only_on_one_card_finds_that_customer_and_becomes_his_identifier():
    customer = CustomerFactory(phone="+14165550147")
    assert identify("whatsapp", "whatsapp:+14165550147") == customer
    assert customer.identifiers.filter(identifier_value="+14165550147").count() == 2


@pytest.mark.django_db
def test_a_number_on_two_cards_names_nobody():
    CustomerFactory(phone="+14165550148")
    CustomerFactory(phone="+14165550148")
    assert identify("sms", "+14165550148").name == ""
