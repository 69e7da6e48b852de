"""Words of the transport."""

from django.db.models import TextChoices

from customers.choices import Channel


class DeliveryMethod(TextChoices):
    """Source 000's word for a template's channel."""

    EMAIL = "EMAIL", "E-mail"
    SMS = "SMS", "SMS"
    PUSH = "PUSH", "Push"
    WHATSAPP = "WHATSAPP", "WhatsApp"


CHANNEL_OF_METHOD = {
    DeliveryMethod.EMAIL: Channel.EMAIL,
    DeliveryMethod.SMS: Channel.SMS,
    DeliveryMethod.PUSH: Channel.PUSH,
    DeliveryMethod.WHATSAPP: Channel.WHATSAPP,
}


class MessageStatus(TextChoices):
    """A superset of source 000's four: needed to lose nothing and to double nothing."""

    SCHEDULED = "scheduled", "Scheduled"
    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    UNCERTAIN = "uncertain", "Uncertain"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    BOUNCED = "bounced", "Bounced"
    SUPPRESSED = "suppressed", "Suppressed"
    CANCELLED = "cancelled", "Cancelled"


class EventKind(TextChoices):
    """What a provider can tell us of a message, in our words."""

    ACCEPTED = "accepted", "Accepted by the provider"
    QUEUED = "queued", "Queued at the provider"
    SENT = "sent", "Sent to the carrier"
    DEFERRED = "deferred", "Deferred"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    OPENED = "opened", "Opened"
    CLICKED = "clicked", "Clicked"
    UNDELIVERED = "undelivered", "Undelivered"
    FAILED = "failed", "Failed"
    BOUNCED = "bounced", "Bounced"
    COMPLAINED = "complained", "Complained"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    NOT_FOUND = "not_found", "Unknown to the provider"


class DecisionKind(TextChoices):
    SEND = "send", "Send"
    HOLD = "hold", "Hold"
    SKIP = "skip", "Skip"


class Reason(TextChoices):
    """Why a message was held, skipped, refused or is in doubt. Support hears this question most."""

    NO_CONSENT = "no_consent", "No consent"
    OPTED_OUT = "opted_out", "The person opted out"
    SUPPRESSED_ADDRESS = "suppressed_address", "The address is suppressed"
    INVALID_ADDRESS = "invalid_address", "Invalid address"
    MISSING_VARIABLE = "missing_variable", "A variable has no value"
    TEMPLATE_ERROR = "template_error", "The template cannot be rendered"
    TOO_LONG = "too_long", "The content is too long for the channel"
    EXPIRED = "expired", "Its time has passed"
    WITHDRAWN = "withdrawn", "Withdrawn: the appointment was moved, answered or cancelled"
    CANCELLED = "cancelled", "Cancelled"
    QUIET_HOURS = "quiet_hours", "Quiet hours"
    SCHEDULED = "scheduled", "Scheduled for later"
    RETRY = "retry", "Tried again later"
    PROVIDER_DOWN = "provider_down", "The provider is down"
    REJECTED = "rejected", "Rejected by the provider"
    UNDELIVERED = "undelivered", "Undelivered"
    GAVE_UP = "gave_up", "Tried too often"
    POISON = "poison", "Killed its worker again and again"
    NO_ANSWER = "no_answer", "The provider's answer was never received"
    BAD_ANSWER = "bad_answer", "The provider's answer could not be read"
    CRASHED = "crashed", "The sender stopped while the call was under way"
