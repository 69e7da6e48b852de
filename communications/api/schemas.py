"""`/api/v1/message-schema`: templates. A saved one is a new version; a deleted one is kept, and no longer sent."""

from typing import Any, ClassVar, cast

from django.db import IntegrityError
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from communications.actions.schemas import StaleVersion, change_schema, retire_schema, save_schema
from communications.api.filters import MessageSchemaFilter
from communications.api.schema_serializers import (
    ChangedSchemaSerializer,
    ListedSchemaSerializer,
    MessageSchemaSerializer,
    WrittenSchemaSerializer,
    as_validation_error,
)
from communications.models import MessageSchema
from communications.rendering.problems import TemplateProblem
from config.accounts.models import User
from config.api.answers import LIST_ERROR, UNAVAILABLE, WRITING_ERRORS, error
from config.api.exceptions import Conflict
from config.api.listing import ListingView
from config.api.views import ApiView

_ERRORS = {
    **WRITING_ERRORS,
    400: error(
        "The body is not what it has to be, or the template cannot be used: `parse_error`, `required`, `unknown_field`, "
        "`unique`, `immutable`, `template_error` (with field, line and column) and the like. Nothing was stored."
    ),
}


class CodeTaken(Conflict):
    default_code = "code_taken"
    default_detail = "Another template got this code at the same moment."


class Stale(Conflict):
    default_code = "stale_version"
    default_detail = "Somebody saved a newer version meanwhile; read it, and make the change of that one."


class MessageSchemaCollection(ListingView):
    scope = "message-schema"
    queryset = MessageSchema.objects.values(*ListedSchemaSerializer.Meta.fields)
    serializer_class = WrittenSchemaSerializer
    filterset_class = MessageSchemaFilter
    orderings: ClassVar = {
        "code": "code",
        "-code": "-code",
        "-created_ts": "-id",
        "created_ts": "id",
        "-updated_ts": "-updated_ts",
        "updated_ts": "updated_ts",
    }

    def picked(self) -> QuerySet[MessageSchema]:
        """Deleted ones only when they are asked for (`active_flag`)."""
        rows = super().picked()
        return rows if "active_flag" in self.request.query_params else rows.filter(active_flag=True)

    @extend_schema(
        operation_id="message_schema_list",
        summary="List templates",
        responses={200: ListedSchemaSerializer(many=True), 400: LIST_ERROR, 503: UNAVAILABLE},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By their codes, without content and metadata. Deleted ones are left out unless `active_flag` asks for them."""
        return self.page()

    @extend_schema(
        operation_id="message_schema_create",
        summary="Make a template",
        request=WrittenSchemaSerializer,
        responses={201: MessageSchemaSerializer, **_ERRORS, 409: error("The code is taken (`code_taken`).")},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Checked and compiled as in the back office; its first version."""
        written = WrittenSchemaSerializer(data=request.data)
        written.is_valid(raise_exception=True)
        schema = MessageSchema(**written.validated_data)
        try:
            save_schema(schema, by=cast(User, request.user))
        except TemplateProblem as problem:
            raise as_validation_error(problem) from problem
        except IntegrityError as race:
            raise CodeTaken from race
        address = reverse("api-message-schema-detail", kwargs={"pk": schema.pk})
        body = MessageSchemaSerializer(schema).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": address})


class MessageSchemaDetail(ApiView):
    scope = "message-schema"
    queryset = MessageSchema.objects.none()
    serializer_class = MessageSchemaSerializer

    @extend_schema(
        operation_id="message_schema_retrieve",
        summary="A template",
        responses={200: MessageSchemaSerializer, 503: UNAVAILABLE},
    )
    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        return Response(MessageSchemaSerializer(_schema(pk)).data)

    @extend_schema(
        operation_id="message_schema_update",
        summary="Change a template",
        request=ChangedSchemaSerializer,
        responses={
            200: MessageSchemaSerializer,
            **_ERRORS,
            409: error("There is a newer version than the one that was named (`stale_version`)."),
        },
    )
    def put(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        """A new version; messages that are on their way keep theirs. With `version`, nobody's change is overwritten."""
        asked = _schema(pk)
        written = ChangedSchemaSerializer(asked, data=request.data)
        written.is_valid(raise_exception=True)
        changes = dict(written.validated_data)
        version = changes.pop("version", None)
        try:
            schema = change_schema(asked, changes, version=version, by=cast(User, request.user))
        except TemplateProblem as problem:
            raise as_validation_error(problem) from problem
        except StaleVersion as stale:
            raise Stale from stale
        return Response(MessageSchemaSerializer(schema).data)

    @extend_schema(
        operation_id="message_schema_destroy",
        summary="Delete a template",
        responses={204: None, 503: UNAVAILABLE},
    )
    def delete(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        """It is kept with its versions and messages, inactive; nothing more is sent of it. A repeat changes nothing."""
        retire_schema(_schema(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _schema(pk: str) -> MessageSchema:
    return get_object_or_404(MessageSchema.objects.all(), pk=pk)
