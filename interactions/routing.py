"""The sockets of this app."""

from django.urls import path

from interactions.live import AgentConsumer

websocket_urlpatterns = [path("ws/agent/", AgentConsumer.as_asgi())]
