"""Addresses that are good with and without a trailing slash: a redirect would lose a POST's body."""

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path


def api_path(route: str, view: Callable[..., HttpResponseBase], *, name: str, **kwargs: Any) -> URLPattern:
    """`route` is a regular expression without its end (`message-data/(?P<pk>[^/]+)`); reversed, it has no slash.

    The slash stands in a group of its own, because that is how the OpenAPI generator leaves it out of the path.
    """
    return re_path(rf"^{route}(?:/)?\Z", view, kwargs, name=name)
