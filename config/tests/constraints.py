"""The database keeps the promises: what each app's `test_constraints` uses to break them one by one."""

from collections.abc import Callable, Iterator
from functools import partial

import pgtrigger
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from config.db import fetch_all
from config.history.tracking import history_model

Break = tuple[str, Callable[[], object]]  # the promise's name in the database, and what it refuses


def promises(model: type[Model]) -> Iterator[str]:
    """The names of a model's CHECKs, unique rules and protecting triggers (`table.trigger`)."""
    table = model._meta.db_table
    yield from (constraint.name for constraint in model._meta.constraints)
    triggers = getattr(model._meta, "triggers", ())
    yield from (f"{table}.{trigger.name}" for trigger in triggers if isinstance(trigger, pgtrigger.Protect))
    for field in model._meta.local_concrete_fields:
        if field.unique and not field.primary_key:
            yield f"{table}_{field.column}_key"  # PostgreSQL's own name for a column's UNIQUE


def assert_refused(promise: str, break_it: Callable[[], object]) -> None:
    """`break_it` is refused by the database, and by nothing but `promise`."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        break_it()
    told = refused.value.__cause__.diag
    table, _, trigger = promise.partition(".")
    if trigger:
        assert f"pgtrigger_{trigger}_" in told.context
        assert f" {table} " in told.message_primary
    else:
        assert told.constraint_name == promise


def twice(make: Callable[..., object], **values: object) -> Callable[[], object]:
    """Two rows that agree in `values`."""
    return lambda: (make(**values), make(**values))


def histories_are_kept(*factories: Callable[..., Model]) -> list[Break]:
    """What has been written of the rows that `factories` make is neither changed nor deleted."""
    return [
        (f"{history_model(factory._meta.model)._meta.db_table}.append_only", broken)
        for factory in factories
        for broken in (partial(_rewrite, factory), partial(_forget, factory))
    ]


def _rewrite(factory: Callable[..., Model]) -> int:
    return history_model(type(factory())).objects.update(pgh_label="update")


def _forget(factory: Callable[..., Model]) -> object:
    return history_model(type(factory())).objects.all().delete()


def without(table: str, constraint: str, break_it: Callable[[], object]) -> Callable[[], object]:
    """`break_it` while another CHECK, which would refuse the same row first, is gone."""

    def broken() -> object:
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(constraint)}")
        return break_it()

    return broken


def indexes_of(table: str) -> dict[str, str]:
    """Each index's name and definition as PostgreSQL has them."""
    return dict(fetch_all("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]))


def tables_of(app: str) -> dict[str, str]:
    """Each model's name and table."""
    return {model.__name__: model._meta.db_table for model in apps.get_app_config(app).get_models()}
