"""`GET /api/v1/message-data/{id}/track`: what the recipient did with a message (source 000, tracking metrics)."""

from typing import Any

from django.db.models import Count, F, Max, Min, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from communications.api.serializers import ListedMessageSerializer
from communications.choices import EventKind
from communications.models import DeliveryEvent, MessageData
from config.api.answers import UNAVAILABLE
from config.api.serializers import Instant
from config.api.views import ApiView

MOST_LINKS = 100  # the most clicked; a template has fewer


class ClickedLinkSerializer(serializers.Serializer):
    """A link of the message and its clicks."""

    url = serializers.CharField()
    clicks = serializers.IntegerField()
    first_clicked_at = Instant()
    last_clicked_at = Instant()


class MessageTrackSerializer(serializers.Serializer):
    """Delivery, opens, clicks and cost of one message. `opened_at` and `clicked_at` are the first time of each; counts
    include machines that open and follow links before a person does."""

    id = serializers.UUIDField()
    message_number = serializers.CharField()
    status = serializers.SerializerMethodField()
    sent_at = Instant(source="sent_ts", allow_null=True)
    delivered_at = Instant(source="delivered_ts", allow_null=True)
    opened = serializers.SerializerMethodField()
    opened_at = Instant(source="opened_ts", allow_null=True)
    open_count = serializers.IntegerField()
    clicked = serializers.SerializerMethodField()
    clicked_at = Instant(source="clicked_ts", allow_null=True)
    click_count = serializers.IntegerField()
    links = serializers.SerializerMethodField()
    failed_at = Instant(source="failed_ts", allow_null=True)
    failed_reason = serializers.CharField()
    error_code = serializers.CharField(help_text="The provider's or the carrier's own.")
    provider = serializers.CharField()
    provider_message_id = serializers.CharField()
    segment_count = serializers.IntegerField(allow_null=True, help_text="Of an SMS.")
    cost = serializers.DecimalField(max_digits=12, decimal_places=5, allow_null=True)
    cost_currency = serializers.CharField()

    get_status = ListedMessageSerializer.get_status

    @extend_schema_field(ClickedLinkSerializer(many=True))
    def get_links(self, message: MessageData) -> Any:
        return ClickedLinkSerializer(_clicked_links(message), many=True).data

    def get_opened(self, message: MessageData) -> bool:
        return message.opened_ts is not None

    def get_clicked(self, message: MessageData) -> bool:
        return message.clicked_ts is not None


class MessageDataTrack(ApiView):
    scope = "message-data"
    queryset = MessageData.objects.none()  # names the model whose permissions count
    serializer_class = MessageTrackSerializer

    @extend_schema(
        operation_id="message_data_track",
        summary="Opens, clicks, delivery and cost of a message",
        responses={200: MessageTrackSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        """Two queries, however often it was opened; each link with its clicks, the most clicked first."""
        message = get_object_or_404(
            MessageData.objects.select_related("batch").defer("content_data", "metadata"), pk=pk
        )
        return Response(MessageTrackSerializer(message).data)


def _clicked_links(message: MessageData) -> QuerySet[DeliveryEvent, Any]:
    at = {"first_clicked_at": Min("received_at"), "last_clicked_at": Max("received_at")}
    clicks = DeliveryEvent.objects.filter(message_data=message, kind=EventKind.CLICKED).exclude(url="")
    counted = clicks.order_by().values("url").annotate(clicks=Count("id"), **at)
    return counted.order_by(F("clicks").desc(), "url")[:MOST_LINKS]
