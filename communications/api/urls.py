"""Below `/api/v1/`. What has a name of its own stands before the messages' ids."""

from communications.api.bulk import BulkCollection, BulkDetail
from communications.api.corrections import MessageDataCancel, MessageDataRetry
from communications.api.schemas import MessageSchemaCollection, MessageSchemaDetail
from communications.api.track import MessageDataTrack
from communications.api.views import MessageDataCollection, MessageDataDetail
from config.api.paths import api_path

urlpatterns = [
    api_path("message-data", MessageDataCollection.as_view(), name="api-message-data"),
    api_path("message-data/bulk", BulkCollection.as_view(), name="api-message-data-bulk"),
    api_path("message-data/bulk/(?P<pk>[^/]+)", BulkDetail.as_view(), name="api-message-data-bulk-detail"),
    api_path("message-data/(?P<pk>[^/]+)/cancel", MessageDataCancel.as_view(), name="api-message-data-cancel"),
    api_path("message-data/(?P<pk>[^/]+)/retry", MessageDataRetry.as_view(), name="api-message-data-retry"),
    api_path("message-data/(?P<pk>[^/]+)/track", MessageDataTrack.as_view(), name="api-message-data-track"),
    api_path("message-data/(?P<pk>[^/]+)", MessageDataDetail.as_view(), name="api-message-data-detail"),
    api_path("message-schema", MessageSchemaCollection.as_view(), name="api-message-schema"),
    api_path("message-schema/(?P<pk>[^/]+)", MessageSchemaDetail.as_view(), name="api-message-schema-detail"),
]
