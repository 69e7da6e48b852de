"""The stored recipients of a bulk request as messages to be sent, many at a time, and why some of them are none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet

from communications.actions.message_request import MessageRequest
from communications.exceptions import SendRefused
from communications.models import BulkSend
from customers.choices import Purpose
from customers.models import Appointment, Customer, Employee


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A recipient's place in the whole request, and what to send him."""

    index: int
    request: MessageRequest


@dataclass(frozen=True, kw_only=True)
class Refused:
    """As it is told: which recipient, why, and the field it is about."""

    index: int
    code: str
    detail: str
    attr: str | None

    @classmethod
    def because(cls, index: int, refusal: SendRefused) -> "Refused":
        return cls(index=index, code=refusal.code, detail=refusal.detail, attr=refusal.attr)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read(bulk: BulkSend, recipients: Sequence[Mapping[str, Any]]) -> tuple[list[Asked], list[Refused]]:
    """`recipients` stand at the request's position. At most three queries, however many they are."""
    known = _named(recipients)
    asked: list[Asked] = []
    refused: list[Refused] = []
    for index, recipient in enumerate(recipients, start=bulk.position):
        try:
            asked.append(Asked(index=index, request=_request(bulk, recipient, known)))
        except SendRefused as refusal:
            refused.append(Refused.because(index, refusal))
    return asked, refused


def _named(recipients: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[UUID, Model]]:
    """Whom and what the recipients name, by field and id."""
    rows: dict[str, QuerySet[Any]] = {
        "customer": Customer.objects.all(),
        "employee": Employee.objects.all(),
        "appointment": Appointment.objects.select_related("employee"),
    }
    return {field: _in_bulk(queryset, (each.get(field) for each in recipients)) for field, queryset in rows.items()}


def _in_bulk(queryset: QuerySet[Any], ids: Iterable[str | None]) -> Mapping[UUID, Model]:
    wanted = {UUID(each) for each in ids if each}
    return queryset.in_bulk(wanted) if wanted else {}


def _request(bulk: BulkSend, said: Mapping[str, Any], known: Mapping[str, Mapping[UUID, Model]]) -> MessageRequest:
    """Raises SendRefused."""
    for_all = bulk.options
    named: dict[str, Any] = {field: _found(field, said.get(field), rows) for field, rows in known.items()}
    return MessageRequest(
        schema=bulk.message_schema,
        bulk=bulk,
        recipient=said.get("recipient") or "",
        recipient_name=said.get("recipient_name") or "",
        variables={**for_all["variables"], **(said.get("variables") or {})},
        metadata={**for_all["metadata"], **(said.get("metadata") or {})},
        scheduled_at=_moment(for_all["scheduled_at"]),
        expires_at=_moment(for_all["expires_at"]),
        undo_seconds=settings.UNDO_SECONDS_API,
        purpose=Purpose(for_all["purpose"]) if for_all["purpose"] else None,
        **named,
    )


def _found(field: str, wanted: str | None, rows: Mapping[UUID, Model]) -> Model | None:
    if not wanted:
        return None
    found = rows.get(UUID(wanted))
    if found is None:
        raise SendRefused("does_not_exist", f"There is no {field} with this id.", attr=field)
    return found


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
