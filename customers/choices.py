"""Words that more than one floor uses, on the lowest floor that needs them. One vocabulary: DESIGN section 2."""

from django.db.models import TextChoices


class Channel(TextChoices):
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"
    SOCIAL = "social", "Social media"
    CHAT = "chat", "Chat"
    WEB_FORM = "web_form", "Web form"
    VOICE = "voice", "Voice"
    VIDEO = "video", "Video"
    IN_PERSON = "in_person", "In person"
    PUSH = "push", "Push"


class IdentifierKind(TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"
    WHATSAPP = "whatsapp", "WhatsApp"
    SOCIAL = "social", "Social media"
    CHAT = "chat", "Chat"


IDENTIFIER_OF_CHANNEL = {
    Channel.EMAIL: IdentifierKind.EMAIL,
    Channel.WEB_FORM: IdentifierKind.EMAIL,
    Channel.SMS: IdentifierKind.PHONE,
    Channel.VOICE: IdentifierKind.PHONE,
    Channel.WHATSAPP: IdentifierKind.WHATSAPP,
    Channel.SOCIAL: IdentifierKind.SOCIAL,
    Channel.CHAT: IdentifierKind.CHAT,
}


#: Those whose addresses people have, for a choice.
ADDRESSED_CHANNELS = [(channel.value, channel.label) for channel in IDENTIFIER_OF_CHANNEL]


class Purpose(TextChoices):
    """Why a message is sent: marketing needs consent, transactional needs only that nobody said STOP."""

    TRANSACTIONAL = "transactional", "Transactional"
    MARKETING = "marketing", "Marketing"


class ConsentPurpose(TextChoices):
    """What a consent event speaks of; ALL is a carrier's STOP and START, which know no purposes."""

    ALL = "all", "Everything"
    TRANSACTIONAL = "transactional", "Transactional"
    MARKETING = "marketing", "Marketing"
    DATA_PROCESSING = "data_processing", "Processing of personal data"


class ConsentStatus(TextChoices):
    OPT_IN = "opt_in", "Opted in"
    OPT_OUT = "opt_out", "Opted out"


class ConsentSource(TextChoices):
    KEYWORD = "keyword", "Keyword in a message"
    CARRIER = "carrier", "Carrier or provider"
    ONE_CLICK = "one_click", "One-click unsubscribe"
    WEB = "web", "Web page or form"
    STAFF = "staff", "Staff"
    API = "api", "API"
    IMPORT = "import", "Import"
    COMPLAINT = "complaint", "Complaint"


class SuppressionReason(TextChoices):
    STOP = "stop", "Said STOP"
    CARRIER = "carrier", "Blocked by the carrier or provider"
    HARD_BOUNCE = "hard_bounce", "Hard bounce"
    COMPLAINT = "complaint", "Complaint"
    INVALID = "invalid", "Invalid address"
    MANUAL = "manual", "Set by staff"
    ERASED = "erased", "Outlives an erasure"


class DevicePlatform(TextChoices):
    IOS = "ios", "iOS"
    ANDROID = "android", "Android"
    WEB = "web", "Web"
