"""People to preview a template for: the cases that go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from customers.models import Customer


@dataclass(frozen=True, kw_only=True)
class Person:
    """`customer` is not stored; None means that samples stand for everything."""

    label: str
    customer: Customer | None = None


PEOPLE: Mapping[str, Person] = MappingProxyType(
    {
        "sample": Person(label="Sample values"),
        "nothing": Person(label="Nothing is known of them", customer=Customer()),
        "longest": Person(
            label="The longest name and address",
            customer=Customer(
                first_name="Maximiliana-Konstantina",
                last_name="Wolfeschlegelsteinhausenbergerdorff-Papadopoulou",
                primary_email="maximiliana-konstantina.wolfeschlegelsteinhausen@correspondence.example.com",
                phone="+14165551234",
                address="Apartment 1204, 48 Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch Crescent West",
                city="Sault Ste. Marie",
                province="Newfoundland and Labrador",
            ),
        ),
        "right_to_left": Person(
            label="A name from right to left",
            customer=Customer(
                first_name="عبد الرحمن", last_name="الخوارزمي", phone="+14165551234", city="تورونتو", province="ON"
            ),
        ),
    }
)
