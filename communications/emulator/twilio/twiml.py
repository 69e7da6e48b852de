"""What the answer of an inbound webhook says back to the phone."""

from xml.etree import ElementTree

from communications.emulator.webhooks import Reply


class TwimlError(Exception):
    """Twilio's 12100: the document cannot be parsed; nothing is sent."""


def texts(reply: Reply) -> list[str]:
    """The text of each `<Message>`, in order. Twilio sends a plain-text answer as it stands; others say nothing."""
    if not reply.ok or not reply.body.strip():
        return []
    if reply.content_type == "text/plain":
        return [reply.body.strip()]
    if not reply.content_type.endswith("xml"):
        return []
    return [text for text in map(_text, _messages(reply.body)) if text]


def _messages(body: str) -> list[ElementTree.Element]:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise TwimlError(str(error)) from error
    return [element for element in root if element.tag in ("Message", "Sms")]


def _text(message: ElementTree.Element) -> str:
    """Either the text itself or a `<Body>` inside."""
    nested = message.find("Body")
    return ((message.text if nested is None else nested.text) or "").strip()
