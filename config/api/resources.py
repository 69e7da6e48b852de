"""Resources that are listed, read, made and changed alike: `GET` and `POST` of a collection, `GET` and `PATCH` of one.

A view names its serializers (what a list shows, what one shows, what may be written) and the actions that write.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from django.db.models import Model, QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from config.accounts.models import User
from config.api.answers import LIST_ERROR, UNAVAILABLE, WRITING_ERRORS
from config.api.exceptions import Conflict
from config.api.listing import ListingView
from config.api.views import ApiView
from config.refusals import Refused


class ResourceCollection(ListingView, ABC):
    """`shown` and `written` are serializers."""

    shown: ClassVar[type[Any]]
    written: ClassVar[type[Any]]

    @abstractmethod
    def create(self, values: Mapping[str, Any], *, by: User) -> Model:
        """Raises Refused."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.page()

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        made = _write(self.written(data=request.data), lambda values: self.create(values, by=cast(User, request.user)))
        address = reverse(f"api-{self.scope}-detail", kwargs={"pk": made.pk})
        body = self.shown(made).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": address})


class ResourceDetail(ApiView, ABC):
    """`shown` and `written` are serializers."""

    shown: ClassVar[type[Any]]
    written: ClassVar[type[Any]]

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """What is shown of one."""

    @abstractmethod
    def change(self, instance: Any, values: Mapping[str, Any], *, by: User) -> Model:
        """Raises Refused."""

    def get(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        return Response(self.shown(self._one(pk)).data)

    def patch(self, request: Request, pk: str, *args: Any, **kwargs: Any) -> Response:
        instance, user = self._one(pk), cast(User, request.user)
        written = self.written(instance, data=request.data, partial=True)
        changed = _write(written, lambda values: self.change(instance, values, by=user))
        return Response(self.shown(self._one(str(changed.pk))).data)

    def _one(self, pk: str) -> Any:
        return get_object_or_404(self.rows(), pk=pk)


def described_collection(
    name: str, *, one: str, many: str, listed: type[Any], shown: type[Any], written: type[Any]
) -> Any:
    """What the API's description says of a collection; `name` begins its operations' ids."""
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"{name}_list",
            summary=f"List {many}",
            responses={200: listed(many=True), 400: LIST_ERROR, 503: UNAVAILABLE},
        ),
        post=extend_schema(
            operation_id=f"{name}_create",
            summary=f"Make {one}",
            request=written,
            responses={201: shown, **WRITING_ERRORS},
        ),
    )


def described_detail(name: str, *, one: str, shown: type[Any], written: type[Any]) -> Any:
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"{name}_retrieve", summary=f"Read {one}", responses={200: shown, 503: UNAVAILABLE}
        ),
        patch=extend_schema(
            operation_id=f"{name}_partial_update",
            summary=f"Change {one}",
            request=written(partial=True),
            responses={200: shown, **WRITING_ERRORS},
        ),
    )


def _write(written: Any, act: Callable[[Mapping[str, Any]], Any]) -> Any:
    written.is_valid(raise_exception=True)
    try:
        return act(written.validated_data)
    except Refused as refused:
        raise _told(refused) from refused


def _told(refused: Refused) -> APIException:
    if refused.is_conflict:
        return Conflict(refused.detail, code=refused.code)
    detail = [ErrorDetail(refused.detail, code=refused.code)]
    return ValidationError({refused.attr: detail} if refused.attr else detail)
