"""Lists go past serializers; what they tell is what the serializers would."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from communications.api.schema_serializers import ListedSchemaSerializer
from communications.tests.factories import MessageSchemaFactory
from config.api.renderers import QuickJSONRenderer
from config.tests.callers import caller
from customers.api.serializers import AppointmentSerializer, ConsentSerializer, ListedCustomerSerializer
from customers.tests.factories import AppointmentFactory, ConsentEventFactory, CustomerFactory, EmployeeFactory
from interactions.api.serializers import ConversationSerializer, ListedInteractionSerializer
from interactions.tests.factories import ConversationFactory, InteractionFactory

AT = datetime(2025, 11, 15, 19, 0, 0, 120_000, tzinfo=UTC)
AWKWARD = "Zoë\t“quoted” \\N \\ 'single' %s %% {x}\r\nsecond line 😀 한국어 \x7f"
OPEN = {"": None, "text": AWKWARD, "list": [1, 2.5, True, {"a": []}], "large": 2**70}
EVERYTHING = {
    "employee": EmployeeFactory,
    "conversation": ConversationFactory,
    "sentiment_score": Decimal("-0.25"),
    "transcript_confidence_score": Decimal("97.50"),
    "first_contact_resolution": True,
    "follow_up_due_date": AT.date(),
    "tags": ["a", AWKWARD],
    "emotion_tags": [],
    "content_summary": AWKWARD,
    "interaction_ts": AT,
}
LISTS: dict[str, tuple[type[Any], Callable[[], Any]]] = {
    "customer": (
        ListedCustomerSerializer,
        lambda: CustomerFactory(
            name=AWKWARD, merged_into=CustomerFactory(), merged_at=AT, last_interaction_at=AT, external_id="x"
        ),
    ),
    "appointment": (
        AppointmentSerializer,
        lambda: AppointmentFactory(employee=EmployeeFactory(), metadata=OPEN, description=AWKWARD, starts_at=AT),
    ),
    "consent": (
        ConsentSerializer,
        lambda: [
            ConsentEventFactory(ip_address=address, wording=AWKWARD, evidence=OPEN, occurred_at=AT)
            for address in ("203.0.113.7", "2001:db8::7", None)
        ],
    ),
    "conversation": (
        ConversationSerializer,
        lambda: ConversationFactory(assignee=EmployeeFactory(), subject=AWKWARD, metadata=OPEN, last_activity_at=AT),
    ),
    "interaction": (
        ListedInteractionSerializer,
        lambda: InteractionFactory(
            **{name: value() if isinstance(value, type) else value for name, value in EVERYTHING.items()}
        ),
    ),
    "message-schema": (
        ListedSchemaSerializer,
        lambda: MessageSchemaFactory(name=AWKWARD, to_ts=AT.replace(year=2099), validity_seconds=60),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_a_list_tells_what_the_serializer_of_a_row_tells(name: str) -> None:
    serializer, make = LISTS[name]
    model = serializer.Meta.model
    make()

    rows = caller(f"view_{model._meta.model_name}").get(f"/api/v1/{name}").json()["results"]

    stored = {str(row.pk): row for row in model.objects.all()}
    told = {pk: json.loads(QuickJSONRenderer().render(serializer(row).data)) for pk, row in stored.items()}
    assert {row["id"]: row for row in rows} == told
    assert rows
