"""The transport in the back office."""

from communications.admin import batch, delivery_event, journal, message_data, reminders, requests, schema

__all__ = ["batch", "delivery_event", "journal", "message_data", "reminders", "requests", "schema"]
