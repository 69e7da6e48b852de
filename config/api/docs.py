"""`/api/schema`: the OpenAPI document. `/api/docs`: the same to read and to try, for whoever is signed in."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import IsAuthenticated

from config.api.paths import api_path


class SchemaView(SpectacularAPIView):
    """YAML, or JSON by `Accept` or `?format=json`. Needs a token or a session, but no scope."""

    permission_classes = (IsAuthenticated,)


class DocsView(SpectacularSwaggerSplitView):
    permission_classes = (IsAuthenticated,)

    def handle_exception(self, exc: Exception) -> Any:
        """It is a page for people: they are shown the way in."""
        if isinstance(exc, NotAuthenticated):
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)


urlpatterns = [
    api_path("schema", SchemaView.as_view(), name="schema"),
    api_path("docs", DocsView.as_view(), name="docs"),
]
