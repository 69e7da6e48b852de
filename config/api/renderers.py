"""JSON by orjson: moments and ids as they are, several times as fast as the standard library."""

from collections.abc import Mapping
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_encoder = JSONEncoder()


def _default(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | IPv4Address | IPv6Address) else _encoder.default(value)


class QuickJSONRenderer(JSONRenderer):
    """What DRF's renderer answers, without its indentation on request."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_default, option=_OPTIONS)
        except TypeError:  # a number beyond 64 bits
            return super().render(data, accepted_media_type, renderer_context)
