"""One request for up to 10,000 messages: stored whole, then expanded in chunks.

A chunk's messages and the new position are one transaction under the request's row lock, so whatever dies, nobody is met
twice and nobody is passed over. Who cannot be taken stands in `refused` with his index, and stops nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, transaction
from django.db.models import JSONField
from django.db.models.expressions import RawSQL
from psycopg.types.json import Jsonb

from communications import wake
from communications.actions.bulk_recipients import Asked, Refused, read
from communications.actions.messages import take_messages
from communications.actions.schemas import current_version
from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.exceptions import SendRefused
from communications.failpoints import failpoint
from communications.models import BulkSend, MessageData, MessageSchema
from communications.providers import registry
from config.accounts.models import User
from config.db import fetch_all, is_connection_error
from customers.choices import Purpose

log = structlog.get_logger(__name__)

_CHUNK = """
jsonb_path_query_array(
    bulk_sends.recipients, format('$[%%s to %%s]', bulk_sends.position, bulk_sends.position + %s - 1)::jsonpath
)
"""
_STEP = """
UPDATE bulk_sends
SET position = position + %(dealt)s, accepted = accepted + %(taken)s, refused = refused || %(refused)s,
    state = CASE WHEN position + %(dealt)s = total THEN 'done' ELSE state END, updated_ts = clock_timestamp()
WHERE id = %(id)s
"""


@dataclass(frozen=True, kw_only=True)
class BulkRequest:
    """What somebody wants sent to many.

    A recipient is plain JSON: `customer`, `employee` and `appointment` by their ids, `recipient`, `recipient_name`,
    `variables`, `metadata`. The rest holds for all, and a recipient's own variables and metadata win.
    """

    schema: MessageSchema
    recipients: Sequence[Mapping[str, Any]]
    variables: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    purpose: Purpose | None = None
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None

    def options(self) -> dict[str, Any]:
        """What holds for all, as it is stored."""
        return {
            "variables": dict(self.variables),
            "metadata": dict(self.metadata),
            "purpose": self.purpose,
            "scheduled_at": self.scheduled_at.isoformat() if self.scheduled_at else None,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }


@transaction.atomic
def request_bulk(request: BulkRequest, *, by: User | None = None) -> BulkSend:
    """Store the request and wake somebody to expand it. Raises SendRefused, nothing stored."""
    _check_usable(request.schema)
    bulk = BulkSend.objects.create(
        message_schema=request.schema,
        recipients=list(request.recipients),
        options=request.options(),
        total=len(request.recipients),
        created_by=by,
    )
    wake.bulks()
    return bulk


def expand_bulks(*, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Expand whatever waits, oldest first. A request that makes trouble waits for the next round and stops no other."""
    for bulk_id in list(BulkSend.objects.unfinished().values_list("pk", flat=True)):
        try:
            while not should_stop() and expand_chunk(bulk_id):
                pass
        except Exception as error:
            if isinstance(error, Error) and is_connection_error(error):
                raise
            log.exception("bulk_not_expanded", bulk=str(bulk_id))


@transaction.atomic
def expand_chunk(bulk_id: UUID) -> bool:
    """Meet the next recipients of a request. False when nobody is left, or another worker is at it."""
    bulk = _hold(bulk_id)
    if bulk is None:
        return False
    recipients: list[dict[str, Any]] = bulk.chunk  # type: ignore[attr-defined]
    asked, refused = read(bulk, recipients)
    taken = _take(asked, bulk.created_by, refused)
    failpoint("mid_expand")
    told = sorted(refused, key=lambda each: each.index)
    step = {"dealt": len(recipients), "taken": taken, "refused": Jsonb([each.as_json() for each in told])}
    fetch_all(_STEP, {**step, "id": bulk.pk})
    return bulk.position + len(recipients) < bulk.total


def _check_usable(schema: MessageSchema) -> None:
    channel = CHANNEL_OF_METHOD[DeliveryMethod(schema.message_delivery_method)]
    if registry.name_for(channel) is None:
        raise SendRefused("method_not_supported", f"Nothing sends on {channel.label} yet.", attr="message_schema")
    usable = MessageSchema.objects.usable().filter(pk=schema.pk).exists()
    if not usable or current_version(schema) is None:
        raise SendRefused("schema_not_usable", f"The template {schema.code} is not published.", attr="message_schema")


def _hold(bulk_id: UUID) -> BulkSend | None:
    """The request under its row lock, with its next recipients as `chunk`; the others stay where they are."""
    chunk = RawSQL(_CHUNK, [settings.BULK_CHUNK_SIZE], output_field=JSONField())
    waiting = BulkSend.objects.unfinished().filter(pk=bulk_id).annotate(chunk=chunk)
    locked = waiting.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return locked.select_related("message_schema", "created_by").defer("recipients", "refused").first()


def _take(asked: Sequence[Asked], by: User | None, refused: list[Refused]) -> int:
    """Take on whom it can, all together; the others stand in `refused`. How many were taken."""
    answers = take_messages([each.request for each in asked], by=by)
    for each, answer in zip(asked, answers, strict=True):
        if isinstance(answer, SendRefused):
            refused.append(Refused.because(each.index, answer))
    return sum(isinstance(answer, MessageData) for answer in answers)
