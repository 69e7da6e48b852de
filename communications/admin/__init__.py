"""The transport in the back office."""

from communications.admin import (
    batch,
    bulk_send,
    delivery_event,
    journal,
    lines,
    message_data,
    reminders,
    requests,
    schema,
    tracking,
    versions,
)

__all__ = [
    "batch",
    "bulk_send",
    "delivery_event",
    "journal",
    "lines",
    "message_data",
    "reminders",
    "requests",
    "schema",
    "tracking",
    "versions",
]
