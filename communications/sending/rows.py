"""Rows of f_message_data as the engine handles them: the columns it reads and writes, under the model's names.

A model instance costs more than all else that is done for a message; these are read by the thousand.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from communications.models import MessageData
from config.db import fetch_all, update_rows


@dataclass(slots=True)
class SendingRow:
    """One message. `pk` is its id; a change here is written by `write_rows`."""

    pk: UUID
    batch_id: UUID | None
    customer_id: UUID | None
    appointment_id: UUID | None
    conversation_id: UUID | None
    message_id: UUID | None
    interaction_id: UUID | None
    schema_version_id: UUID | None
    message_number: str
    recipient: str
    recipient_name: str
    message_delivery_method: str
    purpose: str
    provider: str
    sender: str
    content_data: dict[str, Any]
    metadata: dict[str, Any]
    status: str
    decision: str
    decision_reason: str
    decision_detail: str
    decided_ts: datetime | None
    created_ts: datetime
    scheduled_ts: datetime | None
    expires_ts: datetime | None
    sent_ts: datetime | None
    delivered_ts: datetime | None
    opened_ts: datetime | None
    failed_ts: datetime | None
    failed_reason: str
    error_code: str
    retry_count: int
    max_retries: int
    provider_message_id: str
    possible_duplicate: bool
    segment_count: int | None
    cost: Decimal | None
    cost_currency: str


_NAMES = [field.name for field in fields(SendingRow)]
_COLUMNS = ", ".join(["id", *_NAMES[1:]])


def read_rows(condition: str, params: Sequence[Any]) -> list[SendingRow]:
    """The messages for which the SQL `condition` holds, in the order they came in."""
    found = fetch_all(f"SELECT {_COLUMNS} FROM f_message_data WHERE {condition} ORDER BY id", params)
    rows = [SendingRow(*values) for values in found]
    for row in rows:  # Django's connection hands JSON over as text
        row.content_data, row.metadata = _parsed(row.content_data), _parsed(row.metadata)
    return rows


def _parsed(text: Any) -> dict[str, Any]:
    return {} if text == "{}" else json.loads(text)


def write_rows(rows: Sequence[Any], names: Sequence[str]) -> None:
    """Store the named attributes of rows (these, or model instances) in one statement."""
    update_rows(rows, names, model=MessageData)
