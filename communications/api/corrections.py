"""`POST /api/v1/message-data/{id}/cancel`: what was asked for and has not left."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.cancel import cancel_message
from communications.api.answers import UNAVAILABLE, error
from communications.api.serializers import MessageDataSerializer
from communications.api.views import message_rows
from communications.choices import MessageStatus
from communications.models import MessageData
from config.api.exceptions import Conflict
from config.api.views import ApiView


class TooLate(Conflict):
    default_code = "too_late"
    default_detail = "The message has left, or its call is under way: it can no longer be cancelled."


class MessageDataCancel(ApiView):
    scope = "message-data"
    queryset = MessageData.objects.none()
    serializer_class = MessageDataSerializer

    @extend_schema(
        operation_id="message_data_cancel",
        summary="Cancel a message that has not left",
        request=None,
        responses={200: MessageDataSerializer, 409: error("It has left (`too_late`)."), 503: UNAVAILABLE},
    )
    def post(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        """Nobody receives it. A repeat is answered like the first."""
        message = get_object_or_404(MessageData.objects.all(), pk=pk)
        if not cancel_message(message) and not _is_cancelled(message):
            raise TooLate
        return Response(MessageDataSerializer(message_rows().get(pk=message.pk)).data)


def _is_cancelled(message: MessageData) -> bool:
    return MessageData.objects.filter(pk=message.pk, status=MessageStatus.CANCELLED).exists()
