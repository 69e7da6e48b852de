"""A bulk request as the API speaks of it: one template, what holds for all, up to 10,000 recipients."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from communications.actions.bulk import BulkRequest
from communications.api.serializers import (
    MessageOptionsSerializer,
    Variables,
    check_addressee,
)
from communications.models import BulkSend
from communications.models.bulk_send import MOST_RECIPIENTS
from config.api.serializers import ErrorSerializer, Instant, Metadata, StrictSerializer

MOST_TOLD = 100  # wrong recipients whose errors are listed


class BulkRecipientSerializer(StrictSerializer):
    """A customer, an employee, or an address. Whether they exist is found out when it is their turn."""

    customer = serializers.UUIDField(required=False, allow_null=True)
    employee = serializers.UUIDField(required=False, allow_null=True)
    recipient = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=320)
    recipient_name = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=200)
    variables = Variables(required=False, allow_null=True)
    appointment = serializers.UUIDField(required=False, allow_null=True)
    metadata = Metadata(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_addressee(attrs)
        return attrs


class Recipients(serializers.ListField):
    """Each is looked at by itself; of many wrong ones the first hundred are told."""

    child = BulkRecipientSerializer()

    def run_child_validation(self, data: list[Any]) -> list[Any]:
        if len(data) > MOST_RECIPIENTS:
            self.fail("max_length", max_length=MOST_RECIPIENTS)
        checked: list[Any] = []
        wrong: dict[int, Any] = {}
        for index, each in enumerate(data):
            try:
                checked.append(self.child.run_validation(each))
            except ValidationError as error:
                wrong[index] = error.detail
            if len(wrong) == MOST_TOLD:
                break
        if wrong:
            raise ValidationError(wrong)  # type: ignore[arg-type]
        return checked


class NewBulkSerializer(MessageOptionsSerializer):
    """One template to many. What a recipient says for himself wins over what holds for all."""

    recipients = Recipients(allow_empty=False, max_length=MOST_RECIPIENTS)

    def bulk_request(self) -> BulkRequest:
        """The checked body in the action's words."""
        said = self.validated_data
        return BulkRequest(
            schema=said["message_schema"],
            recipients=[_as_json(each) for each in said["recipients"]],
            variables=said.get("variables") or {},
            metadata=said.get("metadata") or {},
            purpose=self.purpose_asked(),
            scheduled_at=said.get("scheduled_ts"),
            expires_at=said.get("expires_ts"),
        )


def _as_json(recipient: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in recipient.items() if value}


class RefusedSerializer(ErrorSerializer):
    """A recipient that could not be taken."""

    index = serializers.IntegerField(help_text="The recipient's place in the request, from 0.")


class BulkSerializer(serializers.Serializer):
    """How far a bulk request is: `position` of `total` are dealt with, each a message or in `refused`."""

    id = serializers.UUIDField()
    message_schema = serializers.UUIDField(source="message_schema_id")
    state = serializers.ChoiceField(choices=BulkSend.State.choices)
    total = serializers.IntegerField()
    position = serializers.IntegerField()
    accepted = serializers.IntegerField()
    refused = RefusedSerializer(many=True)
    created_ts = Instant()
    updated_ts = Instant()
