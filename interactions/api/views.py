"""`/api/v1/conversation`, `/api/v1/interaction`: what was said, and what people write down of it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from config.accounts.models import User
from config.api.answers import UNAVAILABLE
from config.api.resources import ResourceCollection, ResourceDetail, described_collection, described_detail
from config.api.views import ApiView
from interactions.actions.log import change_conversation, change_interaction, log_interaction, open_conversation
from interactions.api.filters import ConversationFilter, InteractionFilter
from interactions.api.serializers import (
    ConversationSerializer,
    InteractionContentSerializer,
    InteractionSerializer,
    InteractionTranscriptSerializer,
    ListedInteractionSerializer,
    WrittenConversationSerializer,
    WrittenInteractionSerializer,
)
from interactions.models import Conversation, Interaction

_CONVERSATION = {"shown": ConversationSerializer, "written": WrittenConversationSerializer}
_INTERACTION = {"shown": InteractionSerializer, "written": WrittenInteractionSerializer}


@described_collection(
    "conversation", one="a conversation", many="conversations", listed=ConversationSerializer, **_CONVERSATION
)
class ConversationCollection(ResourceCollection):
    """The latest active first."""

    scope = "conversation"
    queryset = Conversation.objects.values(*ConversationSerializer.Meta.fields)
    serializer_class = ConversationSerializer
    filterset_class = ConversationFilter
    shown, written = ConversationSerializer, WrittenConversationSerializer
    orderings: ClassVar = {
        "-last_activity_at": "-last_activity_at",
        "last_activity_at": "last_activity_at",
        "-created_ts": "-id",
        "created_ts": "id",
    }

    def create(self, values: Mapping[str, Any], *, by: User) -> Conversation:
        return open_conversation(values)


@described_detail("conversation", one="a conversation", **_CONVERSATION)
class ConversationDetail(ResourceDetail):
    scope = "conversation"
    queryset = Conversation.objects.none()
    serializer_class = ConversationSerializer
    shown, written = ConversationSerializer, WrittenConversationSerializer

    def rows(self) -> QuerySet[Conversation]:
        return Conversation.objects.all()

    def change(self, instance: Conversation, values: Mapping[str, Any], *, by: User) -> Conversation:
        return change_conversation(instance, values)


@described_collection(
    "interaction", one="an interaction", many="interactions", listed=ListedInteractionSerializer, **_INTERACTION
)
class InteractionCollection(ResourceCollection):
    """The latest first. Messages log their own; `POST` is for what happened elsewhere: a call, a visit."""

    scope = "interaction"
    queryset = Interaction.objects.values(*ListedInteractionSerializer.Meta.fields)
    serializer_class = InteractionSerializer
    filterset_class = InteractionFilter
    shown, written = InteractionSerializer, WrittenInteractionSerializer
    orderings: ClassVar = {
        "-interaction_ts": "-interaction_ts",
        "interaction_ts": "interaction_ts",
        "-created_ts": "-id",
        "created_ts": "id",
    }

    def picked(self) -> QuerySet[Interaction]:
        """Parts of a call and what was deleted are left out."""
        return super().picked().filter(parent_interaction=None, deleted_ts=None)

    def create(self, values: Mapping[str, Any], *, by: User) -> Interaction:
        return log_interaction(values, by=by)


@described_detail("interaction", one="an interaction", **_INTERACTION)
class InteractionDetail(ResourceDetail):
    scope = "interaction"
    queryset = Interaction.objects.none()
    serializer_class = InteractionSerializer
    shown, written = InteractionSerializer, WrittenInteractionSerializer

    def rows(self) -> QuerySet[Interaction]:
        return Interaction.objects.filter(deleted_ts=None)

    def change(self, instance: Interaction, values: Mapping[str, Any], *, by: User) -> Interaction:
        return change_interaction(instance, values)


class InteractionContent(ApiView):
    scope = "interaction"
    queryset = Interaction.objects.none()
    serializer_class = InteractionContentSerializer

    @extend_schema(
        operation_id="interaction_content",
        summary="What was said in an interaction",
        responses={200: InteractionContentSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        """Small text as it is; a recording or a document by an address in the object store."""
        return Response(InteractionContentSerializer(_interaction(pk)).data)


class InteractionTranscript(ApiView):
    scope = "interaction"
    queryset = Interaction.objects.none()
    serializer_class = InteractionTranscriptSerializer

    @extend_schema(
        operation_id="interaction_transcript",
        summary="The transcript of an interaction",
        responses={200: InteractionTranscriptSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        return Response(InteractionTranscriptSerializer(_interaction(pk)).data)


def _interaction(pk: str) -> Interaction:
    return get_object_or_404(Interaction.objects.filter(deleted_ts=None), pk=pk)
