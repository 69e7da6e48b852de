"""How each thing in a thread is shown: model and channel → template and context. No queries here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from customers.choices import Channel
from interactions.choices import DeliveryStatus, Direction, EventType, InteractionSubtype, InteractionType, Role
from interactions.models import CommunicationEvent, Conversation, Interaction, Message
from interactions.resolution import Reason
from interactions.timeline.feed import Item, Page

CHANNEL_ICONS = {
    Channel.EMAIL: "mail",
    Channel.SMS: "sms",
    Channel.WHATSAPP: "chat",
    Channel.SOCIAL: "public",
    Channel.CHAT: "forum",
    Channel.WEB_FORM: "web",
    Channel.VOICE: "call",
    Channel.VIDEO: "videocam",
    Channel.IN_PERSON: "storefront",
    Channel.PUSH: "notifications",
}
_CHANNEL_OF_TYPE: Mapping[str, Channel] = {
    InteractionType.VOICE_CALL: Channel.VOICE,
    InteractionType.CHAT: Channel.CHAT,
    InteractionType.EMAIL: Channel.EMAIL,
    InteractionType.VIDEO_CALL: Channel.VIDEO,
    InteractionType.SMS: Channel.SMS,
    InteractionType.SOCIAL_MEDIA: Channel.SOCIAL,
    InteractionType.IN_PERSON: Channel.IN_PERSON,
    InteractionType.PUSH: Channel.PUSH,
    InteractionType.WEB_FORM: Channel.WEB_FORM,
}
_DELIVERY = {  # icon, and the class that colours it
    DeliveryStatus.QUEUED: ("schedule", "waiting"),
    DeliveryStatus.SENT: ("check", "sent"),
    DeliveryStatus.DELIVERED: ("done_all", "delivered"),
    DeliveryStatus.READ: ("visibility", "delivered"),
    DeliveryStatus.FAILED: ("error", "failed"),
    DeliveryStatus.UNDELIVERED: ("error", "failed"),
}
JOINED: Mapping[str, str] = {
    Reason.THREAD: "Joined because it answers a message of this conversation",
    Reason.ACTIVE_24H: "Joined because the customer's conversation was active within 24 hours",
    Reason.NEW: "Began this conversation",
    Reason.CONTINUES: "Began this conversation, which continues an earlier one",
}
_EVENT_ICONS: Mapping[str, str] = {
    EventType.APPOINTMENT_CONFIRMED: "event_available",
    EventType.APPOINTMENT_CANCELLED: "event_busy",
    EventType.KEYWORD_RECOGNISED: "key",
    EventType.ESCALATION_REQUESTED: "priority_high",
    EventType.REPLY_SUGGESTED: "lightbulb",
    EventType.ERROR: "error",
}
_TOLD_OF_EVENTS = ("keyword", "service_type", "intent", "detail")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    label: str
    icon: str
    tone: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Whose turn it is: yellow asks to act, grey waits, green is done (one rule on every page)."""

    label: str
    icon: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a template needs of one thing. `day` is set on the first entry of a day on the page."""

    template: str
    id: str
    at: datetime
    day: date | None = None
    context: dict[str, Any] = field(default_factory=dict)


def turn(conversation: Conversation) -> Turn:
    """Derived from the status and from who spoke last."""
    if conversation.status == Conversation.Status.CLOSED:
        return Turn(label="Closed", icon="check_circle", tone="done")
    if conversation.snoozed_until and conversation.snoozed_until > timezone.now():
        return Turn(label="Snoozed", icon="snooze", tone="paused")
    if conversation.last_message_direction == Direction.OUTBOUND:
        return Turn(label="Waiting for the customer", icon="hourglass_empty", tone="paused")
    return Turn(label="Waiting for us", icon="reply", tone="act")


def present(page: Page) -> list[Entry]:
    """The entries of a page, oldest first, with a day on each first of its day."""
    entries: list[Entry] = []
    last_day: date | None = None
    for item in page.items:
        day = timezone.localdate(item.place.at)
        entries.append(_entry(item, day if day != last_day else None))
        last_day = day
    return entries


def _entry(item: Item, day: date | None) -> Entry:
    match item.row:
        case Message():
            template, context = "interactions/_entry_message.html", _message(item.row)
        case Interaction():
            template, context = "interactions/_entry_message.html", _interaction(item.row)
        case CommunicationEvent():
            template, context = "interactions/_entry_event.html", _event(item.row)
    return Entry(template=template, id=str(item.row.pk), at=item.place.at, day=day, context=context)


def _message(message: Message) -> dict[str, Any]:
    email = _related(message, "email_details")
    return {
        "side": message.direction,
        "who": _speaker(message),
        "channel": message.get_channel_display(),
        "icon": CHANNEL_ICONS[Channel(message.channel)],
        "subject": email.subject if email else "",
        "text": message.content,
        "attachments": message.attachments.all(),
        "media": _count(getattr(_related(message, "sms_details"), "media_urls", ())),
        "delivery": _delivery(message) if message.direction == Direction.OUTBOUND else None,
        "joined": JOINED.get(message.joined_because, message.joined_because),
        "interaction": message.interaction_id,
    }


def _interaction(interaction: Interaction) -> dict[str, Any]:
    channel = _CHANNEL_OF_TYPE.get(interaction.interaction_type, Channel.CHAT)
    inbound = interaction.interaction_subtype == InteractionSubtype.INBOUND
    who = interaction.employee.name if interaction.employee else "Automatic message"
    return {
        "side": Direction.INBOUND if inbound else Direction.OUTBOUND,
        "who": "" if inbound else who,
        "channel": interaction.get_interaction_type_display(),
        "icon": CHANNEL_ICONS[channel],
        "subject": "",
        "text": interaction.content_text or interaction.content_summary,
        "automatic": not inbound and interaction.employee_id is None,
        "joined": "Sent before the customer answered; the answer brought it into this conversation",
        "interaction": interaction.pk,
        "number": interaction.interaction_number,
    }


def _event(event: CommunicationEvent) -> dict[str, Any]:
    details = event.details if isinstance(event.details, dict) else {}
    told = [str(details[key]) for key in _TOLD_OF_EVENTS if details.get(key)]
    return {
        "icon": _EVENT_ICONS.get(event.event_type, "info"),
        "label": event.get_event_type_display(),
        "detail": ", ".join(told),
    }


def _speaker(message: Message) -> str:
    if message.employee:
        return message.employee.name
    names = {Role.CUSTOMER: "", Role.AGENT: "Assistant", Role.SYSTEM: "Automatic message"}
    return names[Role(message.role)]


def _delivery(message: Message) -> Delivery | None:
    if not message.delivery_status:
        return None
    status = DeliveryStatus(message.delivery_status)
    icon, tone = _DELIVERY[status]
    sms = _related(message, "sms_details")
    problem = (sms.error_message or sms.error_code) if sms and tone == "failed" else ""
    return Delivery(label=status.label, icon=icon, tone=tone, problem=problem)


def _related(message: Message, name: str) -> Any:
    """A 1:1 row that was selected with the message, or None."""
    return message._state.fields_cache.get(name)


def _count(things: Iterable[Any]) -> int:
    return len(list(things))
