"""The one way into the inbound journal: verified webhooks, and what comes by the links in our mails."""

import json
from collections.abc import Mapping

from uuid_utils.compat import uuid7

from communications import wake
from communications.failpoints import failpoint
from communications.models import WebhookDelivery
from config.db import fetch_all


def store(
    *,
    provider: str,
    endpoint: str,
    url: str,
    query_string: str,
    headers: Mapping[str, str],
    content_type: str,
    body: bytes,
    remote_address: str | None,
) -> None:
    """Write it down, raw, by one statement, and wake the journal's workers."""
    fetch_all(
        """
        INSERT INTO webhook_deliveries (id, provider, endpoint, url, query_string, headers, content_type, body,
            remote_address, state, reason, attempts, due_at, received_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 0, clock_timestamp(), clock_timestamp())
        """,
        [
            uuid7(),
            provider,
            endpoint,
            url,
            query_string,
            json.dumps(headers),
            content_type[:255],
            body,
            remote_address or None,
            WebhookDelivery.State.RECEIVED,
        ],
    )
    failpoint("after_journal")
    wake.journal()
