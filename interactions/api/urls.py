"""Below `/api/v1/`."""

from config.api.paths import api_path
from interactions.api.views import (
    ConversationCollection,
    ConversationDetail,
    InteractionCollection,
    InteractionContent,
    InteractionDetail,
    InteractionTranscript,
)

_ONE = "interaction/(?P<pk>[^/]+)"

urlpatterns = [
    api_path("conversation", ConversationCollection.as_view(), name="api-conversation"),
    api_path("conversation/(?P<pk>[^/]+)", ConversationDetail.as_view(), name="api-conversation-detail"),
    api_path("interaction", InteractionCollection.as_view(), name="api-interaction"),
    api_path(f"{_ONE}/content", InteractionContent.as_view(), name="api-interaction-content"),
    api_path(f"{_ONE}/transcript", InteractionTranscript.as_view(), name="api-interaction-transcript"),
    api_path(_ONE, InteractionDetail.as_view(), name="api-interaction-detail"),
]
