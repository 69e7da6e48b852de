"""`/api/v1/customer`, `/api/v1/appointment`: people and when they are visited."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet

from config.accounts.models import User
from config.api.resources import ResourceCollection, ResourceDetail, described_collection, described_detail
from customers.actions.appointments import book_appointment, change_appointment
from customers.actions.customers import Address, change_customer, make_customer
from customers.api.filters import AppointmentFilter, CustomerFilter
from customers.api.serializers import (
    AppointmentSerializer,
    CustomerSerializer,
    ListedCustomerSerializer,
    WrittenAppointmentSerializer,
    WrittenCustomerSerializer,
)
from customers.models import Appointment, Customer

_CUSTOMER = {"shown": CustomerSerializer, "written": WrittenCustomerSerializer}
_APPOINTMENT = {"shown": AppointmentSerializer, "written": WrittenAppointmentSerializer}


@described_collection("customer", one="a customer", many="customers", listed=ListedCustomerSerializer, **_CUSTOMER)
class CustomerCollection(ResourceCollection):
    """The newest first. Merged ones are listed too, with `merged_into`."""

    scope = "customer"
    queryset = Customer.objects.values(*ListedCustomerSerializer.Meta.fields)
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    shown, written = CustomerSerializer, WrittenCustomerSerializer

    def create(self, values: Mapping[str, Any], *, by: User) -> Customer:
        return make_customer(_own(values), addresses=_addresses(values), source="api")


@described_detail("customer", one="a customer", **_CUSTOMER)
class CustomerDetail(ResourceDetail):
    """With the addresses that lead to him."""

    scope = "customer"
    queryset = Customer.objects.none()
    serializer_class = CustomerSerializer
    shown, written = CustomerSerializer, WrittenCustomerSerializer

    def rows(self) -> QuerySet[Customer]:
        return Customer.objects.prefetch_related("identifiers")

    def change(self, instance: Customer, values: Mapping[str, Any], *, by: User) -> Customer:
        return change_customer(instance, _own(values), addresses=_addresses(values), source="api")


@described_collection(
    "appointment", one="an appointment", many="appointments", listed=AppointmentSerializer, **_APPOINTMENT
)
class AppointmentCollection(ResourceCollection):
    """The latest booked first; `starts_at` orders by the time of the visit."""

    scope = "appointment"
    queryset = Appointment.objects.values(*AppointmentSerializer.Meta.fields)
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilter
    shown, written = AppointmentSerializer, WrittenAppointmentSerializer
    orderings: ClassVar = {
        "-created_ts": "-id",
        "created_ts": "id",
        "starts_at": "starts_at",
        "-starts_at": "-starts_at",
    }

    def create(self, values: Mapping[str, Any], *, by: User) -> Appointment:
        return book_appointment(values)


@described_detail("appointment", one="an appointment", **_APPOINTMENT)
class AppointmentDetail(ResourceDetail):
    """Confirmed, cancelled, moved, done: what follows from it (reminders) follows by itself."""

    scope = "appointment"
    queryset = Appointment.objects.none()
    serializer_class = AppointmentSerializer
    shown, written = AppointmentSerializer, WrittenAppointmentSerializer

    def rows(self) -> QuerySet[Appointment]:
        return Appointment.objects.all()

    def change(self, instance: Appointment, values: Mapping[str, Any], *, by: User) -> Appointment:
        return change_appointment(instance, values)


def _addresses(values: Mapping[str, Any]) -> list[Address]:
    return [(each["identifier_type"], each["identifier_value"]) for each in values.get("identifiers", ())]


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "identifiers"}
