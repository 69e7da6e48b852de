"""`POST /api/v1/message-data/{id}/cancel`: what has not left. `POST …/{id}/retry`: what did not arrive, once more."""

from typing import Any, cast

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.cancel import cancel_message
from communications.actions.resend import resend_message
from communications.api.answers import KEY_PARAMETER, RUNNING, SENDING_ERRORS
from communications.api.idempotency import answer_once
from communications.api.serializers import MessageDataSerializer
from communications.api.views import message_rows
from communications.choices import MessageStatus
from communications.exceptions import SendRefused
from communications.models import MessageData
from config.accounts.models import User
from config.api.answers import UNAVAILABLE, error
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


class MessageDataRetry(ApiView):
    scope = "message-data"
    queryset = MessageData.objects.none()
    serializer_class = MessageDataSerializer

    @extend_schema(
        operation_id="message_data_retry",
        summary="Send again what did not arrive",
        parameters=[KEY_PARAMETER],
        request=None,
        responses={
            201: MessageDataSerializer,
            **SENDING_ERRORS,
            400: error("The key is malformed (`invalid_idempotency_key`)."),
            409: error(
                f"{RUNNING} Or it may not be sent again: it is not lost (`not_resendable`), nobody knows whether it is "
                "(`in_doubt`), it was sent again already (`already_resent`), it reminds of an appointment that has "
                "changed (`withdrawn`), it has no content that can be sent (`unsendable`)."
            ),
        },
    )
    def post(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A new message with the same template version and variables, which names the first as `resend_of`. Failed, bounced,
        cancelled and suppressed messages, each once; whether it leaves is decided afresh."""
        message = get_object_or_404(MessageData.objects.all(), pk=pk)
        return answer_once(request, lambda: self._send_again(request, message))

    def _send_again(self, request: Request, message: MessageData) -> Response:
        try:
            fresh = resend_message(message, by=cast(User, request.user))
        except SendRefused as refused:
            raise Conflict(refused.detail, code=refused.code) from refused
        body = MessageDataSerializer(message_rows().get(pk=fresh.pk)).data
        address = reverse("api-message-data-detail", kwargs={"pk": fresh.pk})
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": address})


def _is_cancelled(message: MessageData) -> bool:
    return MessageData.objects.filter(pk=message.pk, status=MessageStatus.CANCELLED).exists()
