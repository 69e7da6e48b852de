"""Below `/api/v1/`."""

from communications.api.views import MessageDataCollection, MessageDataDetail
from config.api.paths import api_path

urlpatterns = [
    api_path("message-data", MessageDataCollection.as_view(), name="api-message-data"),
    api_path("message-data/(?P<pk>[^/]+)", MessageDataDetail.as_view(), name="api-message-data-detail"),
]
