"""The base of every endpoint: signed in, allowed, within the limits, never cached."""

from collections.abc import Iterator
from typing import Any, NoReturn

from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.limits import MAX_BODY_BYTES, CallerThrottle, check_body_size


class ApiView(GenericAPIView):
    """`scope` is the resource's word in a token's scopes (`message-data`)."""

    scope: str
    max_body_bytes = MAX_BODY_BYTES
    throttle_classes = (CallerThrottle,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_body_size(request._request, self.max_body_bytes)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """`response` may be plain Django's too (an answer that is told again)."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers.setdefault("Cache-Control", "no-store")
        return final


def known_scopes() -> set[str]:
    """The words of all resources there are."""
    return {view.scope for view in _below(ApiView) if "scope" in vars(view)}


def _below(view: type[ApiView]) -> Iterator[type[ApiView]]:
    for each in view.__subclasses__():
        yield each
        yield from _below(each)


class UnknownAddress(APIView):
    """Whatever else is asked for below `/api/`: told in the one error shape, not on a page."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound
