"""Words of the record. Where a source ends its list with "etc." the choices are offered, but no CHECK refuses another word."""

from django.db.models import TextChoices

from customers.choices import Channel


class Direction(TextChoices):
    INBOUND = "inbound", "Inbound"
    OUTBOUND = "outbound", "Outbound"


class Role(TextChoices):
    """Who speaks: an agent with an employee is a person, without one the AI; campaigns and reminders are the system."""

    CUSTOMER = "customer", "Customer"
    AGENT = "agent", "Agent"
    SYSTEM = "system", "System"


class InteractionType(TextChoices):
    VOICE_CALL = "voice_call", "Voice call"
    CHAT = "chat", "Chat"
    EMAIL = "email", "E-mail"
    VIDEO_CALL = "video_call", "Video call"
    SMS = "sms", "SMS"
    SOCIAL_MEDIA = "social_media", "Social media"
    IN_PERSON = "in_person", "In person"
    PUSH = "push", "Push"
    WEB_FORM = "web_form", "Web form"


INTERACTION_TYPE_OF_CHANNEL = {
    Channel.EMAIL: InteractionType.EMAIL,
    Channel.SMS: InteractionType.SMS,
    Channel.WHATSAPP: InteractionType.SOCIAL_MEDIA,
    Channel.SOCIAL: InteractionType.SOCIAL_MEDIA,
    Channel.CHAT: InteractionType.CHAT,
    Channel.WEB_FORM: InteractionType.WEB_FORM,
    Channel.VOICE: InteractionType.VOICE_CALL,
    Channel.VIDEO: InteractionType.VIDEO_CALL,
    Channel.IN_PERSON: InteractionType.IN_PERSON,
    Channel.PUSH: InteractionType.PUSH,
}


class InteractionSubtype(TextChoices):
    INBOUND = "inbound", "Inbound"
    OUTBOUND = "outbound", "Outbound"
    FOLLOW_UP = "follow_up", "Follow-up"
    ESCALATION = "escalation", "Escalation"


class Lifecycle(TextChoices):
    INITIATED = "initiated", "Initiated"
    CAPTURED = "captured", "Captured"
    ANALYZED = "analyzed", "Analyzed"
    ARCHIVED = "archived", "Archived"


class Sentiment(TextChoices):
    POSITIVE = "positive", "Positive"
    NEUTRAL = "neutral", "Neutral"
    NEGATIVE = "negative", "Negative"
    MIXED = "mixed", "Mixed"


class ContentType(TextChoices):
    TEXT = "text", "Text"
    HTML = "html", "HTML"
    IMAGE = "image", "Image"
    AUDIO = "audio", "Audio"
    VIDEO = "video", "Video"
    FILE = "file", "File"


class DeliveryStatus(TextChoices):
    """The sources' words on a Message; finer states are the transport's."""

    QUEUED = "queued", "Queued"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED = "failed", "Failed"
    UNDELIVERED = "undelivered", "Undelivered"


class PriorityLevel(TextChoices):
    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    URGENT = "urgent", "Urgent"
    CRITICAL = "critical", "Critical"


class ContextType(TextChoices):
    SALES = "sales", "Sales"
    BOOKING = "booking", "Booking"
    COMPLAINT = "complaint", "Complaint"
    APPRAISAL = "appraisal", "Appraisal"


class Outcome(TextChoices):
    """How a conversation ended (source 003)."""

    APPOINTMENT_SCHEDULED = "appointment_scheduled", "Appointment scheduled"
    APPOINTMENT_RESCHEDULED = "appointment_rescheduled", "Appointment rescheduled"
    APPOINTMENT_CANCELLED = "appointment_cancelled", "Appointment cancelled"
    INFO_REQUEST = "info_request", "Information request"
    COMPLAINT = "complaint", "Complaint"
    ESCALATED = "escalated", "Escalated"
    ABANDONED = "abandoned", "Abandoned"
    UNRESOLVED = "unresolved", "Unresolved"


class Intention(TextChoices):
    """What an interaction gives rise to."""

    TASK = "task", "Task"
    QUOTE = "quote", "Quote"


class Line(TextChoices):
    """The line an interaction used: `Interaction.channel`."""

    TWILIO = "twilio", "Twilio"
    SENDGRID = "sendgrid", "SendGrid"
    MAILGUN = "mailgun", "Mailgun"
    SMTP = "smtp", "SMTP"
    IMAP = "imap", "IMAP"
    WHATSAPP = "whatsapp", "WhatsApp"
    FACEBOOK = "facebook", "Facebook"
    TWITTER = "twitter", "Twitter"
    LIVE_CHAT = "live_chat", "Live chat"
    WEB_FORM = "web_form", "Web form"
    PHONE = "phone", "Phone"
    ZOOM = "zoom", "Zoom"
    TEAMS = "teams", "Teams"
    IN_STORE = "in_store", "In store"
    ON_SITE = "on_site", "On site"
    FCM = "fcm", "FCM"
    APNS = "apns", "APNs"


class EventType(TextChoices):
    INTENT_DETECTED = "intent_detected", "Intent detected"
    FUNCTION_CALLED = "function_called", "Function called"
    REPLY_SUGGESTED = "reply_suggested", "Reply suggested"
    REPLY_SENT = "reply_sent", "Reply sent"
    ESCALATION_REQUESTED = "escalation_requested", "Escalation requested"
    KEYWORD_RECOGNISED = "keyword_recognised", "Keyword recognised"
    APPOINTMENT_CONFIRMED = "appointment_confirmed", "Appointment confirmed"
    APPOINTMENT_CANCELLED = "appointment_cancelled", "Appointment cancelled"
    ERROR = "error", "Error"
