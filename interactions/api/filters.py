"""What lists of conversations and interactions are narrowed by."""

from django_filters import rest_framework as filters

from config.api.filters import ChoicesFilter, InstantFilter, ListFilter
from customers.choices import Channel
from interactions.choices import InteractionSubtype, InteractionType, Line, Outcome, Sentiment
from interactions.models import Conversation, Interaction
from interactions.models.conversation import ClosedReason, ConversationStatus


class ConversationFilter(ListFilter):
    customer = filters.UUIDFilter(field_name="customer_id")
    assignee = filters.UUIDFilter(field_name="assignee_id")
    status = filters.ChoiceFilter(choices=ConversationStatus.choices)
    closed_reason = ChoicesFilter(choices=ClosedReason.choices)
    channel = ChoicesFilter(choices=Channel.choices)
    outcome = ChoicesFilter(choices=Outcome.choices)
    active_after = InstantFilter(field_name="last_activity_at", lookup_expr="gte")
    active_before = InstantFilter(field_name="last_activity_at", lookup_expr="lt")

    class Meta:
        model = Conversation
        fields = ()


class InteractionFilter(ListFilter):
    customer = filters.UUIDFilter(field_name="customer_id")
    conversation = filters.UUIDFilter(field_name="conversation_id")
    employee = filters.UUIDFilter(field_name="employee_id")
    interaction_number = filters.CharFilter()
    interaction_type = ChoicesFilter(choices=InteractionType.choices)
    interaction_subtype = ChoicesFilter(choices=InteractionSubtype.choices)
    channel = ChoicesFilter(choices=Line.choices)
    sentiment_label = ChoicesFilter(choices=Sentiment.choices)
    happened_after = InstantFilter(field_name="interaction_ts", lookup_expr="gte")
    happened_before = InstantFilter(field_name="interaction_ts", lookup_expr="lt")

    class Meta:
        model = Interaction
        fields = ()
