"""The record in the back office."""

from interactions.admin import conversation, details, events, interaction, message

__all__ = ["conversation", "details", "events", "interaction", "message"]
