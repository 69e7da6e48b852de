"""E-mails with links that were sent to somebody."""

from typing import Any

from communications.actions.schemas import save_schema
from communications.choices import DeliveryMethod, MessageStatus
from communications.models import MessageData, MessageSchemaVersion
from communications.tests.factories import MessageDataFactory, MessageSchemaFactory
from communications.tests.rendering.emails import of
from customers.choices import Purpose

SENT_AT = "2026-01-05T15:00:00Z"


def version_of(*blocks: dict[str, Any], **values: Any) -> MessageSchemaVersion:
    """A saved e-mail template with these blocks."""
    email = {"code": "MSG-SCHEMA-SALE-001", "message_delivery_method": DeliveryMethod.EMAIL, "subject": "Hello"}
    return save_schema(MessageSchemaFactory.build(**{**email, "template_schema": of(*blocks), **values}))


def mailed(version: MessageSchemaVersion | None = None, **values: Any) -> MessageData:
    """A marketing mail to Jane that was sent; `variables` are hers."""
    variables = values.pop("variables", {})
    sent = {
        "recipient": "jane.doe@example.com",
        "message_delivery_method": DeliveryMethod.EMAIL,
        "purpose": Purpose.MARKETING,
        "provider": "sendgrid",
        "status": MessageStatus.SENT,
        "sent_ts": SENT_AT,
        "schema_version": version,
        "message_schema": version.message_schema if version else None,
        "content_data": {"variables": variables},
    }
    return MessageDataFactory(**{**sent, **values})
