"""`POST /api/v1/message-data` sends one message; `GET /api/v1/message-data/{id}` tells what became of it."""

from typing import Any, cast

from django.db.models import Prefetch
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.messages import send_message
from communications.api.idempotency import HEADER, answer_once
from communications.api.serializers import MessageDataSerializer, NewMessageSerializer
from communications.exceptions import SendRefused
from communications.models import DeliveryEvent, MessageData
from communications.models.message_data import MessageDataQuerySet
from config.accounts.models import User
from config.api.serializers import ErrorsSerializer
from config.api.views import ApiView

_KEY_PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The caller's own key for this request, 1 to 255 printable ASCII characters, good for 24 hours. "
    "A repeat with the same key and body gets the stored answer (`Idempotent-Replayed: true`); nothing is sent twice.",
)


def _error(description: str) -> OpenApiResponse:
    return OpenApiResponse(ErrorsSerializer, description)


_UNAVAILABLE = _error("The database is away (`database_unavailable`); come again after `Retry-After` seconds.")
_SENDING_ERRORS = {
    400: _error(
        "The body is not what it has to be, or the message cannot be sent: `parse_error`, `required`, `unknown_field`, "
        "`does_not_exist`, `recipient_required`, `invalid_phone`, `invalid_email`, `no_address`, `missing_variable`, "
        "`schema_not_usable`, `method_not_supported`, `template_error`, `too_long`, `expired`, "
        "`invalid_idempotency_key` and the like, each with its field. Nothing was stored; the key may be used again."
    ),
    409: _error("A request with this key is still running (`request_running`); see `Retry-After`."),
    411: _error("The body has no `Content-Length` (`length_required`)."),
    413: _error("The body is larger than 1 MB (`payload_too_large`)."),
    422: _error("The key was used for another request (`idempotency_key_reused`)."),
    503: _UNAVAILABLE,
}


def message_rows() -> MessageDataQuerySet:
    """Messages with all that their resource shows: two queries, however much has become known of them."""
    events = DeliveryEvent.objects.order_by("received_at", "id").defer("payload", "user_agent", "url")
    rows: MessageDataQuerySet = MessageData.objects.select_related("message_schema", "schema_version", "batch")
    return rows.prefetch_related(Prefetch("delivery_events", queryset=events)).defer(
        "message_schema__template_schema", "schema_version__template_schema", "schema_version__compiled"
    )


class MessageDataCollection(ApiView):
    scope = "message-data"
    queryset = MessageData.objects.none()  # names the model whose permissions count
    serializer_class = NewMessageSerializer

    @extend_schema(
        operation_id="message_data_create",
        summary="Send a message",
        parameters=[_KEY_PARAMETER],
        request=NewMessageSerializer,
        responses={201: MessageDataSerializer, **_SENDING_ERRORS},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Stored, and on its way when this answers; what becomes of it is told by its `Location`."""
        return answer_once(request, lambda: self._send(request))

    def _send(self, request: Request) -> Response:
        asked = NewMessageSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            message = send_message(asked.message_request(), by=cast(User, request.user))
        except SendRefused as refused:
            raise _as_validation_error(refused) from refused
        body = MessageDataSerializer(message_rows().get(pk=message.pk)).data
        address = reverse("api-message-data-detail", kwargs={"pk": message.pk})
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": address})


class MessageDataDetail(ApiView, RetrieveAPIView):
    scope = "message-data"
    serializer_class = MessageDataSerializer

    def get_queryset(self) -> MessageDataQuerySet:
        return message_rows()

    @extend_schema(
        operation_id="message_data_retrieve",
        summary="What became of a message",
        responses={200: MessageDataSerializer, 503: _UNAVAILABLE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


def _as_validation_error(refused: SendRefused) -> ValidationError:
    error = ErrorDetail(refused.detail, code=refused.code)
    return ValidationError({refused.attr: [error]} if refused.attr else [error])
