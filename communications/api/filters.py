"""What lists of messages and templates are narrowed by: equality and ranges on indexed columns, no reading of texts."""

from django.conf import settings
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from communications.choices import DeliveryMethod, MessageStatus, Reason
from communications.models import MessageData, MessageSchema
from communications.models.schema import SchemaStatus
from config.api.filters import ChoicesFilter, InstantFilter, ListFilter
from customers.choices import Purpose
from customers.identity.search import spellings


class MessageDataFilter(ListFilter):
    customer = filters.UUIDFilter(field_name="customer_id")
    appointment = filters.UUIDFilter(field_name="appointment_id")
    message_schema = filters.UUIDFilter(field_name="message_schema_id")
    bulk = filters.UUIDFilter(field_name="bulk_id")
    recipient = filters.CharFilter(method="to_recipient", label="An address or number, in any usual form.")
    message_number = filters.CharFilter()
    status = ChoicesFilter(choices=MessageStatus.choices)
    message_delivery_method = ChoicesFilter(choices=DeliveryMethod.choices)
    purpose = filters.ChoiceFilter(choices=Purpose.choices)
    reason = ChoicesFilter(field_name="decision_reason", choices=Reason.choices)
    created_after = InstantFilter(field_name="created_ts", lookup_expr="gte")
    created_before = InstantFilter(field_name="created_ts", lookup_expr="lt")
    sent_after = InstantFilter(field_name="sent_ts", lookup_expr="gte")
    sent_before = InstantFilter(field_name="sent_ts", lookup_expr="lt")
    search = filters.CharFilter(method="find", label="A message's number, or an address.")

    class Meta:
        model = MessageData
        fields = ()

    def to_recipient(self, rows: QuerySet[MessageData], name: str, value: str) -> QuerySet[MessageData]:
        return rows.filter(recipient__in=_addresses(value))

    def find(self, rows: QuerySet[MessageData], name: str, value: str) -> QuerySet[MessageData]:
        return rows.filter(Q(message_number=value.strip().upper()) | Q(recipient__in=_addresses(value)))


class MessageSchemaFilter(ListFilter):
    code = filters.CharFilter(lookup_expr="istartswith", label="The beginning of the code.")
    category = filters.CharFilter()
    message_delivery_method = ChoicesFilter(choices=DeliveryMethod.choices)
    purpose = filters.ChoiceFilter(choices=Purpose.choices)
    status = ChoicesFilter(choices=SchemaStatus.choices)
    active_flag = filters.BooleanFilter()
    search = filters.CharFilter(method="find", label="The beginning of the code, or a part of the name.")

    class Meta:
        model = MessageSchema
        fields = ()

    def find(self, rows: QuerySet[MessageSchema], name: str, value: str) -> QuerySet[MessageSchema]:
        return rows.filter(Q(code__istartswith=value) | Q(name__icontains=value))


def _addresses(term: str) -> list[str]:
    return spellings(term, region=settings.PHONE_REGION)
