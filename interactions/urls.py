"""Pages and fragments of this app."""

from django.urls import path

from interactions.views import conversations

app_name = "interactions"
urlpatterns = [
    path("conversations/<uuid:pk>/thread/", conversations.thread, name="thread"),
    path("conversations/<uuid:pk>/about/", conversations.about, name="about"),
]
