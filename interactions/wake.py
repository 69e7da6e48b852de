"""Telling open pages that a conversation changed. Only ids travel: the page reads what changed from the database."""

from uuid import UUID

from config.wake import tell_pages

ALL_CONVERSATIONS = "conversations"


def conversation_group(conversation_id: UUID) -> str:
    """The group of the pages that show one conversation."""
    return f"conversation.{conversation_id.hex}"


def conversation_changed(conversation_id: UUID) -> None:
    """After commit, tell the pages that show this conversation, and those that list conversations."""
    for group in (conversation_group(conversation_id), ALL_CONVERSATIONS):
        tell_pages(group, type="conversation.changed", conversation=str(conversation_id))
