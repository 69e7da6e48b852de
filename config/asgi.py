"""`live`: sockets over ASGI, only `/ws/…`. There is no "http" here on purpose, or this process would serve the whole site."""

import os

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

application = ProtocolTypeRouter(
    {"websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, _anything_else])))}
)
