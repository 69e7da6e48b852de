"""The agents' socket by itself: who may listen, what it says, and that nothing a client sends breaks it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser, Permission
from uuid_utils.compat import uuid7

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from interactions import wake
from interactions.live import FORBIDDEN, SIGNED_OUT, AgentConsumer, BadRequest, parse

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(ApplicationCommunicator):
    """A client's end of the agents' socket."""

    def __init__(self, user: Any) -> None:
        super().__init__(AgentConsumer.as_asgi(), {"type": "websocket", "path": "/ws/agent/", "user": user})

    async def open(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(timeout=5))["type"] == "websocket.accept"

    async def say(self, text: str | None = None, *, data: bytes | None = None) -> None:
        await self.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=5)


Scene = Callable[[Socket], Awaitable[None]]


@pytest.fixture
def agent() -> User:
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    return User.objects.get(pk=user.pk)


def play(user: Any, scene: Scene) -> None:
    """Open a socket as `user`, play the scene, close it."""

    async def act() -> None:
        socket = Socket(user)
        await socket.open()
        await scene(socket)
        await socket.leave()

    async_to_sync(act)()


async def hear(socket: Socket) -> dict[str, Any]:
    return json.loads((await socket.receive_output(timeout=5))["text"])


async def publish(conversation: Any) -> None:
    layer = get_channel_layer()
    event = {"type": "conversation.changed", "conversation": str(conversation)}
    await layer.group_send(wake.conversation_group(conversation), event)


def test_a_page_that_watches_a_conversation_hears_that_it_changed_and_nothing_of_others(agent: User) -> None:
    mine, other = uuid7(), uuid7()

    async def scene(socket: Socket) -> None:
        assert (await hear(socket))["type"] == "welcome"
        await socket.say(json.dumps({"type": "watch", "conversation": str(mine)}))
        assert await hear(socket) == {"type": "watching", "conversation": str(mine)}
        await publish(other)
        await publish(mine)
        assert await hear(socket) == {"type": "conversation_changed", "conversation": str(mine)}
        assert await socket.receive_nothing()

    play(agent, scene)


def test_after_unwatch_there_is_silence(agent: User) -> None:
    mine = uuid7()

    async def scene(socket: Socket) -> None:
        await hear(socket)
        for word in ("watch", "unwatch"):
            await socket.say(json.dumps({"type": word, "conversation": str(mine)}))
        assert [(await hear(socket))["type"] for _ in range(2)] == ["watching", "unwatched"]
        await publish(mine)
        assert await socket.receive_nothing()

    play(agent, scene)


def test_every_page_hears_of_every_conversation_in_the_list_group(agent: User) -> None:
    mine = uuid7()

    async def scene(socket: Socket) -> None:
        await hear(socket)
        event = {"type": "conversation.changed", "conversation": str(mine)}
        await get_channel_layer().group_send(wake.ALL_CONVERSATIONS, event)
        assert (await hear(socket))["conversation"] == str(mine)

    play(agent, scene)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type": "conversation_changed"}',
        '{"type": "disconnect", "conversation": "x"}',
        '{"type": ["watch"], "conversation": "x"}',
        '{"type": "watch"}',
        '{"type": "watch", "conversation": {"a": 1}}',
        '{"type": "watch", "conversation": "not-a-uuid"}',
        "[" * 900,
        "x" * 2000,
    ],
)
def test_what_a_client_says_wrongly_is_answered_and_the_socket_stays(agent: User, text: str) -> None:
    async def scene(socket: Socket) -> None:
        await hear(socket)
        await socket.say(text)
        assert (await hear(socket))["type"] == "error"
        await socket.say(json.dumps({"type": "watch", "conversation": str(uuid7())}))
        assert (await hear(socket))["type"] == "watching"

    play(agent, scene)


def test_bytes_are_answered_too(agent: User) -> None:
    async def scene(socket: Socket) -> None:
        await hear(socket)
        await socket.say(data=b"\xff\x00")
        assert (await hear(socket))["type"] == "error"

    play(agent, scene)


def test_one_page_watches_fifty_conversations_at_the_most(agent: User) -> None:
    async def scene(socket: Socket) -> None:
        await hear(socket)
        for _ in range(50):
            await socket.say(json.dumps({"type": "watch", "conversation": str(uuid7())}))
            assert (await hear(socket))["type"] == "watching"
        await socket.say(json.dumps({"type": "watch", "conversation": str(uuid7())}))
        assert (await hear(socket))["type"] == "error"

    play(agent, scene)


def refused_with(user: Any) -> int:
    codes: list[int] = []

    async def scene(socket: Socket) -> None:
        closed = await socket.receive_output(timeout=5)
        codes.append(closed["code"])

    play(user, scene)
    return codes[0]


def test_nobody_listens_without_signing_in() -> None:
    assert refused_with(AnonymousUser()) == SIGNED_OUT


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_only_active_staff_listens(agent: User, change: dict[str, bool]) -> None:
    User.objects.filter(pk=agent.pk).update(**change)

    assert refused_with(User.objects.get(pk=agent.pk)) == FORBIDDEN


def test_staff_without_the_permission_does_not_listen() -> None:
    assert refused_with(UserFactory(is_staff=True)) == FORBIDDEN


def test_staff_who_lack_the_second_factor_do_not_listen(agent: User, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True

    assert refused_with(agent) == FORBIDDEN


def test_a_long_number_is_no_conversation() -> None:
    with pytest.raises(BadRequest):
        parse('{"type": "watch", "conversation": 1}')


def test_a_change_is_told_to_the_conversations_page_and_to_the_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(wake, "tell_pages", lambda group, **event: told.append((group, event)))
    conversation = uuid7()

    wake.conversation_changed(conversation)

    event = {"type": "conversation.changed", "conversation": str(conversation)}
    assert told == [(f"conversation.{conversation.hex}", event), ("conversations", event)]
