"""`live`: sockets over ASGI, only `/ws/…`. Django's own "http" is left out on purpose, or this process would serve the site."""

import os
from typing import Any

import django
from django.conf import settings

from config import engines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()
engines.attach_missing(settings.DATA_DIR)

from channels.auth import AuthMiddlewareStack  # noqa: E402  models can be imported only from here on
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator, WebsocketDenier  # noqa: E402
from django.urls import re_path  # noqa: E402

from interactions.routing import websocket_urlpatterns  # noqa: E402

_anything_else = re_path(r"", WebsocketDenier.as_asgi())


async def _no_pages(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Whoever asks this process for a page."""
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"Only sockets live here.\n"})


application = ProtocolTypeRouter(
    {
        "http": _no_pages,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, _anything_else]))
        ),
    }
)
