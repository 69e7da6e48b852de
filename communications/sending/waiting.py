"""What keeps a message that waits: its line is paused, or its provider's circuit is open. Read where somebody asks; a message
is not written to for it, for a line can hold back millions.
"""

from communications.choices import MessageStatus
from communications.models import MessageData, ProviderCircuit, SenderLine

_WAITING = (MessageStatus.PENDING, MessageStatus.SCHEDULED)


def waits_for(message: MessageData) -> str:
    """A sentence for people; "" where nothing but its turn or its time is waited for. At most two queries."""
    if message.status not in _WAITING:
        return ""
    lines = SenderLine.objects.filter(provider=message.provider, sender__in=(message.sender, ""))
    line = lines.order_by("-sender").first()
    if line and line.paused:
        return f"It waits: the line {line.sender or message.sender} is paused."
    if ProviderCircuit.objects.filter(provider=message.provider, state=ProviderCircuit.State.OPEN).exists():
        return f"It waits: {message.provider} does not answer as it should, and is tried again from time to time."
    return ""
