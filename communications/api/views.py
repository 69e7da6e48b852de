"""`/api/v1/message-data`: send a message, list them, and tell what became of one."""

from typing import Any, cast

from django.db.models import BooleanField, F, Func, Prefetch, QuerySet
from django.db.models.functions import Coalesce
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.messages import send_message
from communications.api.answers import KEY_PARAMETER, SENDING_ERRORS, as_validation_error
from communications.api.filters import MessageDataFilter
from communications.api.idempotency import answer_once
from communications.api.serializers import (
    LISTED,
    ListedMessageSerializer,
    MessageDataSerializer,
    NewMessageSerializer,
    as_listed,
)
from communications.exceptions import SendRefused
from communications.models import DeliveryEvent, MessageData
from communications.models.message_data import MessageDataQuerySet
from config.accounts.models import User
from config.api.answers import LIST_ERROR, UNAVAILABLE
from config.api.listing import ListingView
from config.api.views import ApiView


def message_rows() -> MessageDataQuerySet:
    """Messages with all that their resource shows: two queries, however much has become known of them."""
    events = DeliveryEvent.objects.order_by(Coalesce("occurred_at", "received_at"), "received_at", "id").defer(
        "payload", "user_agent", "url"
    )
    rows: MessageDataQuerySet = MessageData.objects.select_related("message_schema", "schema_version", "batch")
    return rows.prefetch_related(Prefetch("delivery_events", queryset=events)).defer(
        "message_schema__template_schema", "schema_version__template_schema", "schema_version__compiled"
    )


def listed_messages() -> QuerySet[MessageData, dict[str, Any]]:
    """Messages as plain rows with no more than a list shows: it is the most wanted page of all."""
    in_flight = Func(
        F("id"),
        F("batch__in_flight"),
        arg_joiner=" = ANY(",
        template="coalesce(%(expressions)s), false)",
        output_field=BooleanField(),
    )
    return MessageData.objects.annotate(is_in_flight=in_flight).values(*LISTED, "message_schema__code", "is_in_flight")


class MessageDataCollection(ListingView):
    scope = "message-data"
    queryset = listed_messages()
    serializer_class = NewMessageSerializer
    filterset_class = MessageDataFilter

    @extend_schema(
        operation_id="message_data_list",
        summary="List messages",
        responses={200: ListedMessageSerializer(many=True), 400: LIST_ERROR, 503: UNAVAILABLE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest first, without content and events, which the message itself has."""
        return self.page()

    def as_shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return as_listed(row)

    @extend_schema(
        operation_id="message_data_create",
        summary="Send a message",
        parameters=[KEY_PARAMETER],
        request=NewMessageSerializer,
        responses={201: MessageDataSerializer, **SENDING_ERRORS},
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
            raise as_validation_error(refused) from refused
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
        responses={200: MessageDataSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
