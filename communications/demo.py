"""The demonstration's cast: made once, found again at every start, never put back to where it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Permission
from django.utils import timezone

from communications.actions.inbound import receive
from communications.actions.schemas import save_schema, save_variant
from communications.choices import DeliveryMethod
from communications.models import MessageSchema, ReminderSchedule
from communications.rendering.designs import design
from config.accounts.models import User
from customers.actions.consent import ConsentStatement, record_consent
from customers.choices import Channel, ConsentPurpose, ConsentSource, ConsentStatus, IdentifierKind
from customers.models import Appointment, Customer, CustomerIdentifier, Employee
from interactions.actions.facts import InboundMessage

PASSWORD = "rapport-demo"
ADMIN, AGENT = "admin@rapport.test", "emily@rapport.test"
REMINDER_CODE = "MSG-SCHEMA-APPT-001"
REMINDER_TEXT = (
    "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. "
    "Address: {{address}}. Reply CONFIRM or CANCEL."
)
REMINDER_IN_FRENCH = (
    "Bonjour {{firstName}}, rappel : votre rendez-vous {{serviceType}} est le {{date}} à {{time}}. "
    "Adresse : {{address}}. Répondez CONFIRMER ou ANNULER."
)
DESIGNS = ("welcome", "promotion", "shipped")
OUR_NUMBER = "+15195550100"


@dataclass(frozen=True, kw_only=True)
class Person:
    first_name: str
    last_name: str
    phone: str
    email: str
    address: str
    city: str
    province: str
    time_zone: str = "America/Toronto"
    language: str = "en"
    marketing: bool = False


CAST = (
    Person(first_name="John", last_name="Smith", phone="+14165551234", email="john.smith@example.com", address="123 Main St", city="London", province="ON", marketing=True),
    Person(first_name="Jane", last_name="Doe", phone="+15195550142", email="jane.doe@example.com", address="48 Wellington Rd", city="London", province="ON", marketing=True),
    Person(first_name="Amélie", last_name="Tremblay", phone="+15145550163", email="amelie.tremblay@example.com", address="1200 rue Sherbrooke O", city="Montréal", province="QC", language="fr", marketing=True),
    Person(first_name="Priya", last_name="Raman", phone="+16045550117", email="priya.raman@example.com", address="901 Robson St", city="Vancouver", province="BC", time_zone="America/Vancouver"),
    Person(first_name="Lukas", last_name="Weber", phone="+12265550155", email="lukas.weber@example.com", address="77 King St N", city="Waterloo", province="ON", language="de"),
    Person(first_name="Sofia", last_name="García", phone="+16475550128", email="sofia.garcia@example.com", address="15 Queen St E", city="Toronto", province="ON", language="es", marketing=True),
    Person(first_name="William", last_name="O'Neil", phone="+17095550174", email="will.oneil@example.com", address="4 Water St", city="St. John's", province="NL", time_zone="America/St_Johns"),
)  # fmt: skip

_SERVICES = ("HVAC Maintenance", "Furnace Inspection", "Duct Cleaning", "Water Heater Service")

_WRITTEN = (
    ("demo-1", Channel.SMS, 1, "Hi, the furnace is making a rattling noise since yesterday. Can somebody have a look this week?"),
    ("demo-2", Channel.WHATSAPP, 3, "Do you also service heat pumps? We had a new one installed in spring."),
    ("demo-3", Channel.SMS, 5, "Gracias, ¿a qué hora llega el técnico?"),
    ("demo-4", Channel.WHATSAPP, 5, "También tengo una pregunta sobre la factura."),
)  # fmt: skip


def seed() -> None:
    """Users, employees, customers, consent, appointments, the reminder's template and schedule, a few conversations."""
    _users()
    people = [_customer(person) for person in CAST]
    _template()
    _designs()
    _appointments(people)
    for number, channel, index, text in _WRITTEN:
        receive(
            InboundMessage(
                channel=channel,
                line="whatsapp" if channel == Channel.WHATSAPP else "twilio",
                sender=CAST[index].phone,
                recipient=OUR_NUMBER,
                content=text,
                channel_message_id=number,
            )
        )


def tomorrow_at(hour: int, zone: str, *, days: int = 1) -> datetime:
    """That hour on the wall clock of `zone`, tomorrow there."""
    there = ZoneInfo(zone)
    return datetime.combine(timezone.now().astimezone(there).date() + timedelta(days=days), time(hour), tzinfo=there)


def _users() -> None:
    if not User.objects.filter(email=ADMIN).exists():
        User.objects.create_superuser(ADMIN, PASSWORD, name="Alex Martin")
    emily = User.objects.filter(email=AGENT).first()
    if emily is None:
        emily = User.objects.create_user(AGENT, PASSWORD, name="Emily Thompson", is_staff=True)
        apps = ("customers", "interactions", "communications")
        emily.user_permissions.set(
            Permission.objects.filter(content_type__app_label__in=apps).exclude(codename__startswith="delete_")
        )
    Employee.objects.get_or_create(
        email=AGENT,
        defaults={"name": "Emily Thompson", "user": emily, "phone": "+15195550101", "title": "Support agent"},
    )


def _customer(person: Person) -> Customer:
    customer, is_new = Customer.objects.get_or_create(
        primary_email=person.email,
        defaults={
            "name": f"{person.first_name} {person.last_name}",
            "first_name": person.first_name,
            "last_name": person.last_name,
            "phone": person.phone,
            "address": person.address,
            "city": person.city,
            "province": person.province,
            "country": "CA",
            "language": person.language,
            "time_zone": person.time_zone,
        },
    )
    if is_new:
        for kind, value in ((IdentifierKind.PHONE, person.phone), (IdentifierKind.EMAIL, person.email)):
            CustomerIdentifier.objects.get_or_create(
                identifier_type=kind, identifier_value=value, defaults={"customer": customer, "source": "demo"}
            )
    if person.marketing:
        record_consent(
            ConsentStatement(
                customer=customer,
                channel=Channel.EMAIL,
                address=person.email,
                status=ConsentStatus.OPT_IN,
                purpose=ConsentPurpose.MARKETING,
                source=ConsentSource.WEB,
                wording="Yes, send me offers and seasonal tips by e-mail.",
                reference=f"demo:{person.email}",
            )
        )
    return customer


def _template() -> None:
    schema = MessageSchema.objects.filter(code=REMINDER_CODE).first()
    if schema is None:
        schema = MessageSchema(
            code=REMINDER_CODE,
            name="Appointment reminder",
            category="APPT",
            message_delivery_method=DeliveryMethod.SMS,
            template_schema={"message": REMINDER_TEXT},
            descr="Goes out the day before an appointment; CONFIRM and CANCEL change it.",
        )
        save_schema(schema)
        save_variant(schema, language="fr", content={"template_schema": {"message": REMINDER_IN_FRENCH}})
    ReminderSchedule.objects.get_or_create(
        name="The day before, at ten",
        defaults={"message_schema": schema, "local_time": time(10, 0), "every_seconds": 60},
    )


def _designs() -> None:
    """Three of the starter designs as templates of the company."""
    for chosen in filter(None, map(design, DESIGNS)):
        if not MessageSchema.objects.filter(name=chosen.name, category=chosen.category).exists():
            save_schema(MessageSchema(from_name="Huron Home", from_email="hello@huronhome.ca", **chosen.as_initial()))


def _appointments(people: Sequence[Customer]) -> None:
    """Only where there is none ahead, so that each day's first start has something to remind of."""
    for index, customer in enumerate(people[1:5], start=1):
        if not Appointment.objects.awaiting().filter(customer=customer, starts_at__gt=timezone.now()).exists():
            Appointment.objects.create(
                customer=customer,
                service_type=_SERVICES[index % len(_SERVICES)],
                starts_at=tomorrow_at(9 + index, customer.time_zone, days=1 + index // 3),
            )
