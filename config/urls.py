"""The roof: which address leads to which app."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from config import health
from config.api.views import UnknownAddress

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("accounts/", include("config.accounts.urls")),
    path("admin/", admin.site.urls),
    path("parts/", include("interactions.urls")),
    path("parts/", include("communications.urls")),
    path("t/", include("communications.tracking.urls")),
    path("api/webhooks/", include("communications.webhooks.urls")),
    path("api/", include("config.api.docs")),
    path("api/v1/", include("communications.api.urls")),
    path("api/v1/", include("customers.api.urls")),
    path("api/v1/", include("interactions.api.urls")),
    re_path("^api/", UnknownAddress.as_view()),  # after all that begins with api/
]
