"""The roof: which address leads to which app."""

from django.contrib import admin
from django.urls import include, path

from config import health

urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("admin/", admin.site.urls),
    path("parts/", include("interactions.urls")),
    path("parts/", include("communications.urls")),
    path("api/webhooks/", include("communications.webhooks.urls")),
    path("api/", include("config.api.docs")),
]
