"""`POST /api/v1/message-data/bulk` takes up to 10,000 recipients on; `GET …/bulk/{id}` tells how far they are."""

from typing import Any, cast

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.bulk import request_bulk
from communications.api.answers import KEY_PARAMETER, SENDING_ERRORS, as_validation_error
from communications.api.bulk_serializers import BulkSerializer, NewBulkSerializer
from communications.api.idempotency import answer_once
from communications.exceptions import SendRefused
from communications.models import BulkSend
from config.accounts.models import User
from config.api.answers import UNAVAILABLE, error
from config.api.views import ApiView

_ERRORS = {
    **SENDING_ERRORS,
    400: error(
        "The body is not what it has to be, or the template cannot be sent. A wrong recipient is named by its place "
        "(`recipients.3.recipient`), a hundred at most. Nothing was stored; the key may be used again."
    ),
    413: error("The body is larger than 10 MB (`payload_too_large`)."),
}


class BulkCollection(ApiView):
    scope = "message-data"
    queryset = BulkSend.objects.none()  # who may send one message may not send ten thousand
    serializer_class = NewBulkSerializer
    max_body_bytes = 10_000_000

    @extend_schema(
        operation_id="message_data_bulk_create",
        summary="Send a message to many",
        parameters=[KEY_PARAMETER],
        request=NewBulkSerializer,
        responses={202: BulkSerializer, **_ERRORS},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Stored as a whole when this answers. Recipients become messages one after the other; one that cannot be taken
        on is listed in `refused` and stops nobody else."""
        return answer_once(request, lambda: self._request(request))

    def _request(self, request: Request) -> Response:
        asked = NewBulkSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            bulk = request_bulk(asked.bulk_request(), by=cast(User, request.user))
        except SendRefused as refused:
            raise as_validation_error(refused) from refused
        address = reverse("api-message-data-bulk-detail", kwargs={"pk": bulk.pk})
        return Response(BulkSerializer(bulk).data, status=status.HTTP_202_ACCEPTED, headers={"Location": address})


class BulkDetail(ApiView):
    scope = "message-data"
    queryset = BulkSend.objects.none()
    serializer_class = BulkSerializer

    @extend_schema(
        operation_id="message_data_bulk_retrieve",
        summary="How far a bulk request is",
        responses={200: BulkSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        bulk = get_object_or_404(BulkSend.objects.defer("recipients", "options"), pk=pk)
        return Response(BulkSerializer(bulk).data)
