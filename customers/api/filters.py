"""What lists of customers, appointments and consent are narrowed by."""

from django.conf import settings
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config.api.filters import ChoicesFilter, InstantFilter, ListFilter
from customers.choices import Channel, ConsentPurpose, ConsentStatus
from customers.identity.search import spellings
from customers.models import Appointment, ConsentEvent, Customer
from customers.models.appointment import AppointmentStatus
from customers.search import matching


class CustomerFilter(ListFilter):
    search = filters.CharFilter(method="find", label="An address in any usual spelling, or the beginning of a name.")
    external_id = filters.CharFilter()
    created_after = InstantFilter(field_name="created_at", lookup_expr="gte")
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Customer
        fields = ()

    def find(self, rows: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return rows.filter(matching(value.strip()))


class AppointmentFilter(ListFilter):
    customer = filters.UUIDFilter(field_name="customer_id")
    employee = filters.UUIDFilter(field_name="employee_id")
    status = ChoicesFilter(choices=AppointmentStatus.choices)
    calendar_event_id = filters.CharFilter()
    starts_after = InstantFilter(field_name="starts_at", lookup_expr="gte")
    starts_before = InstantFilter(field_name="starts_at", lookup_expr="lt")

    class Meta:
        model = Appointment
        fields = ()


class ConsentFilter(ListFilter):
    customer = filters.UUIDFilter(field_name="customer_id")
    address = filters.CharFilter(method="to_address", label="The whole address, in any usual spelling.")
    channel = ChoicesFilter(choices=Channel.choices)
    status = filters.ChoiceFilter(choices=ConsentStatus.choices)
    purpose = ChoicesFilter(choices=ConsentPurpose.choices)
    occurred_after = InstantFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = InstantFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = ConsentEvent
        fields = ()

    def to_address(self, rows: QuerySet[ConsentEvent], name: str, value: str) -> QuerySet[ConsentEvent]:
        return rows.filter(address__in=spellings(value, region=settings.PHONE_REGION))
