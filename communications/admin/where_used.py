"""Where a template is used: reminders that send it, bulk requests and messages that were made of it."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from communications.models import BulkSend, MessageData, MessageSchema
from config.back_office import COUNT_AT_MOST

_LATEST = 5


def where_used(schema: MessageSchema) -> SafeString:
    """Three queries, each along an index; messages are counted up to 10,000."""
    of_it = MessageData.objects.filter(message_schema=schema)
    count = of_it.values("pk")[:COUNT_AT_MOST].count()
    context = {
        "schema": schema,
        "schedules": schema.reminder_schedules.order_by("name"),
        "bulk_sends": BulkSend.objects.filter(message_schema=schema).order_by("-id")[:_LATEST],
        "messages": count,
        "is_more": count == COUNT_AT_MOST,
    }
    return SafeString(render_to_string("communications/admin/_where_used.html", context))
