"""What somebody wants sent, for tests."""

from typing import Any

from communications.actions.message_request import MessageRequest
from communications.actions.schemas import save_schema
from communications.models import MessageSchema
from communications.tests.factories import MessageSchemaFactory


def template(text: str = "Hi {{firstName}}, order {{orderNumber}} is ready.", **values: Any) -> MessageSchema:
    """A published SMS template with its first version."""
    schema = MessageSchemaFactory.build(template_schema={"message": text}, **values)
    save_schema(schema)
    return schema


def request(schema: MessageSchema, **values: Any) -> MessageRequest:
    variables = {"orderNumber": "7", **values.pop("variables", {})}
    return MessageRequest(schema=schema, variables=variables, **values)
