from django.urls import path

from communications.webhooks.views import WebhookView

urlpatterns = [
    path(
        "twilio/sms",
        WebhookView.as_view(
            provider="twilio",
            endpoint="sms",
            content_type="text/xml",
            body='<?xml version="1.0" encoding="UTF-8"?><Response/>',
        ),
        name="twilio-sms",
    ),
    path("twilio/status", WebhookView.as_view(provider="twilio", endpoint="status"), name="twilio-status"),
    path("sendgrid/events", WebhookView.as_view(provider="sendgrid", endpoint="events"), name="sendgrid-events"),
]
