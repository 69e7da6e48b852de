"""The agents' socket, `/ws/agent/`: tells an open page which conversation changed, and carries ids only.

A page says `{"type": "watch", "conversation": "<uuid>"}` (or `unwatch`); it hears `{"type": "conversation_changed",
"conversation": "<uuid>"}`. What was missed while away is read from the database, so nothing is repeated here.
"""

import json
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from config.accounts import second_factor
from interactions.wake import ALL_CONVERSATIONS, conversation_group

SIGNED_OUT = 4401
FORBIDDEN = 4403
_LONGEST_REQUEST = 1_000  # characters; what a page says is an id and a word
_MOST_WATCHED = 50


class BadRequest(ValueError):
    """What a client sent is not understood. The text is one sentence."""


class AgentConsumer(AsyncWebsocketConsumer):
    """Open to active staff who may view conversations. Others are closed with 4401 or 4403, which tells the page why."""

    async def connect(self) -> None:
        self.watched: set[str] = set()
        await self.accept()
        if refused := await _refusal(self.scope.get("user")):
            await self.close(code=refused)
            return
        await self._join(ALL_CONVERSATIONS)
        await self._say(type="welcome")

    async def disconnect(self, code: int) -> None:
        for group in self.watched:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self.watched:  # refused, and closing
            return
        try:
            word, conversation = parse(text_data)
        except BadRequest as problem:
            await self._say(type="error", detail=str(problem))
            return
        if word == "watch":
            await self._watch(conversation)
        else:
            await self._leave(conversation_group(conversation))
            await self._say(type="unwatched", conversation=str(conversation))

    async def conversation_changed(self, event: dict[str, Any]) -> None:
        await self._say(type="conversation_changed", conversation=event["conversation"])

    async def _watch(self, conversation: UUID) -> None:
        if len(self.watched) > _MOST_WATCHED:
            await self._say(type="error", detail=f"One page watches at most {_MOST_WATCHED} conversations.")
            return
        await self._join(conversation_group(conversation))
        await self._say(type="watching", conversation=str(conversation))

    async def _join(self, group: str) -> None:
        self.watched.add(group)
        await self.channel_layer.group_add(group, self.channel_name)

    async def _leave(self, group: str) -> None:
        self.watched.discard(group)
        await self.channel_layer.group_discard(group, self.channel_name)

    async def _say(self, **message: str) -> None:
        await self.send(text_data=json.dumps(message))


def parse(text: str | None) -> tuple[str, UUID]:
    """The word and the conversation of a request. Raises BadRequest."""
    if text is None or len(text) > _LONGEST_REQUEST:
        raise BadRequest("A short JSON text is expected.")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("This is not JSON.") from error
    if not isinstance(request, dict) or request.get("type") not in ("watch", "unwatch"):
        raise BadRequest("The type has to be watch or unwatch.")
    try:
        return request["type"], UUID(str(request.get("conversation")))
    except ValueError as error:
        raise BadRequest("The conversation has to be a UUID.") from error


@database_sync_to_async
def _refusal(user: Any) -> int | None:
    """The close code for somebody who may not listen, None for those who may."""
    if user is None or not user.is_authenticated:
        return SIGNED_OUT
    allowed = user.is_active and user.is_staff and user.has_perm("interactions.view_conversation")
    return None if allowed and not second_factor.is_missing(user) else FORBIDDEN
