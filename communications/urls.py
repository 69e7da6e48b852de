"""Pages and fragments of this app."""

from django.urls import path

from communications.admin import home
from communications.views import reply

app_name = "communications"
urlpatterns = [
    path("conversations/<uuid:pk>/reply/", reply.reply, name="reply"),
    path("conversations/<uuid:pk>/undo/<uuid:message>/", reply.undo, name="undo"),
    path("conversations/<uuid:pk>/deliveries/", reply.deliveries, name="deliveries"),
    path("count/", reply.count, name="count"),
    path("health/", home.health, name="health"),
]
