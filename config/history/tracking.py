"""What is tracked: each change of a row is written down by triggers, so `update()`, bulk statements and plain SQL are too (ADR 11)."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, cast

import pghistory
import pgtrigger
from django.db import models
from pghistory.models import Event

M = TypeVar("M", bound=models.Model)

_KEPT: "dict[type[models.Model], type[HistoryRow]]" = {}


class HistoryRow(Event):
    """A row as it was after a change, or before it was deleted. `KEY` is the column by which its row is known."""

    KEY: ClassVar[str]
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]]

    pgh_id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True


def tracked(
    table: str, *, without: Sequence[str] = (), secrets: Sequence[str] = (), key: str = "id"
) -> Callable[[type[M]], type[M]]:
    """Keep each change of the model's rows in `table`.

    Columns in `without` are not kept, and a statement that writes only them costs nothing: the triggers do not fire. Of
    `secrets` it is kept that they changed, never what they were. A model of another package, or the table of a
    many-to-many, is tracked by a proxy.
    """

    def track(model: type[M]) -> type[M]:
        concrete = cast("type[models.Model]", model._meta.concrete_model)
        kept = [field for field in concrete._meta.local_fields if field.name not in (*without, *secrets)]
        names = [field.name for field in kept]
        personal = tuple(name for name in model.PERSONAL_FIELDS if name in names)  # type: ignore[attr-defined]
        _KEPT[concrete] = pghistory.create_event_model(  # type: ignore[assignment]
            model,
            *_trackers([str(field.column) for field in kept], names, secrets),
            fields=names,
            obj_field=None,  # type: ignore[arg-type]  # which its documentation allows
            append_only=True,
            model_name=f"{model.__name__}History",
            base_model=HistoryRow,
            attrs={"KEY": key, "PERSONAL_FIELDS": personal},
            meta=_meta(model, table, key),
            abstract=False,
        )
        return model

    return track


def history_model(model: type[models.Model]) -> type[HistoryRow] | None:
    """Where the changes of `model` are kept; None when it is not tracked."""
    return _KEPT.get(cast("type[models.Model]", model._meta.concrete_model))


def _trackers(columns: Sequence[str], names: Sequence[str], secrets: Sequence[str]) -> list[pghistory.Tracker]:
    return [
        pghistory.InsertEvent(trigger_name="history_insert"),
        _update("update", columns, names),
        *(_update(name, [name], [name]) for name in secrets),
        pghistory.DeleteEvent(trigger_name="history_delete"),
    ]


def _update(label: str, columns: Sequence[str], names: Sequence[str]) -> pghistory.UpdateEvent:
    return pghistory.UpdateEvent(
        label,
        operation=pgtrigger.UpdateOf(*columns),  # type: ignore[no-untyped-call]
        condition=pgtrigger.AnyChange(*names),
        trigger_name=f"history_{label}",
    )


def _meta(model: type[models.Model], table: str, key: str) -> dict[str, Any]:
    return {
        "db_table": table,
        "default_permissions": (),  # who may see a row may see its history
        "verbose_name": f"history of {model._meta.verbose_name}",
        "verbose_name_plural": f"history of {model._meta.verbose_name_plural}",
        "indexes": [models.Index(fields=[key, "pgh_id"], name=f"idx_{model._meta.model_name}_history")],
    }
