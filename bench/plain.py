"""The plain design, for comparison: one Celery task a message, the ORM for each row, a requests session for each call."""

import django
import ground
import requests
from celery import Celery

django.setup()

from django.conf import settings
from django.utils import timezone

from communications.content import mail_of
from communications.models import MessageData
from communications.providers.base import joined
from communications.tracking.links import personal_variables
from config.numbers import take_numbers
from interactions.models import Interaction

assert ground.ROOT  # it has told Python and Django where everything is

app = Celery("plain", broker=settings.REDIS_URL)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, worker_hijack_root_logger=False)
_session = requests.Session()


@app.task
def send_one(message_id: str) -> None:
    row = MessageData.objects.select_related("customer", "schema_version").get(pk=message_id)
    row.provider_message_id = (_send_email if row.message_delivery_method == "EMAIL" else _send_sms)(row)
    row.status, row.sent_ts = "sent", timezone.now()
    row.interaction = Interaction.objects.create(
        interaction_number=take_numbers("INT")[0],
        customer=row.customer,
        interaction_type=row.message_delivery_method.lower(),
        interaction_subtype="outbound",
        channel=row.provider,
        interaction_ts=row.sent_ts,
        content_text=row.content_data.get("finalMessage", ""),
    )
    row.save()


def _send_sms(row: MessageData) -> str:
    answer = _session.post(
        f"{settings.TWILIO_BASE_URL}/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Messages.json",
        data={"To": row.recipient, "From": row.sender, "Body": row.content_data["finalMessage"]},
        auth=(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN),
        timeout=15,
    )
    answer.raise_for_status()
    return str(answer.json()["sid"])


def _send_email(row: MessageData) -> str:
    mail = mail_of(row.schema_version_id)
    parts = mail.renderer.parts({**row.content_data["variables"], **personal_variables(row.pk)})
    answer = _session.post(
        f"{settings.SENDGRID_BASE_URL}/v3/mail/send",
        json={
            "personalizations": [{"to": [{"email": row.recipient}], "custom_args": {"m": str(row.pk)}}],
            "from": {"email": row.sender},
            "subject": joined(mail.template.subject, parts.subject),
            "content": [
                {"type": "text/plain", "value": joined(mail.template.text, parts.text)},
                {"type": "text/html", "value": joined(mail.template.html, parts.html)},
            ],
        },
        headers={"Authorization": f"Bearer {settings.SENDGRID_API_KEY}"},
        timeout=15,
    )
    answer.raise_for_status()
    return str(answer.headers["X-Message-Id"])
