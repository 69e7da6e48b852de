"""The floors and the manners of the house (EXEMPLARS sections 2, 3, 5 and 10), held by tests."""

import ast
import importlib
import re
from collections.abc import Iterator

import pytest
from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models import CheckConstraint, Field, Model, Q
from importlinter.cli import lint_imports

from config.history.tracking import HistoryRow
from config.tests.constraints import promises
from config.tests.source import ROOT, files, found, modules

# an app's foreign keys may point at itself, at these, and at the framework's own tables
BELOW: dict[str, set[str]] = {
    "accounts": set(),
    "jobs": {"accounts"},
    "customers": {"accounts"},
    "knowledge": {"accounts"},
    "interactions": {"accounts", "customers"},
    "tickets": {"accounts", "customers", "interactions"},
    "communications": {"accounts", "customers", "knowledge", "interactions", "tickets"},
}

# lists that their source leaves open: the words are offered, no CHECK refuses another (DESIGN section 2)
OPEN_LISTS = {
    "interactions.CommunicationEvent.event_type",
    "interactions.ContextData.context_type",
    "interactions.Message.content_type",
    "interactions.Conversation.outcome",
    "interactions.Interaction.interaction_intention_entity",
    "interactions.Interaction.channel",
}

PROVIDER_DOORS = {f"communications.providers.{name}" for name in ("base", "http", "registry")}
SDKS = {"twilio", "sendgrid", "firebase_admin"}


def our_apps() -> list[AppConfig]:
    """The apps whose code is in this repository."""
    mine = {str(path.parent) for path in files() if path.name == "apps.py"}
    return [app for app in apps.get_app_configs() if str(app.path) in mine]


def our_models() -> list[type[Model]]:
    return [model for app in our_apps() for model in app.get_models()]


def test_every_app_of_ours_has_its_floor():
    assert {app.label for app in our_apps()} <= set(BELOW)
    assert {"accounts", "customers", "interactions", "communications"} <= {app.label for app in our_apps()}


def test_foreign_keys_point_down():
    upwards = [
        f"{field} -> {field.related_model._meta.label}"
        for model in our_models()
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many)
        if field.related_model and not _is_below(model, field.related_model)
    ]
    assert upwards == []


def _is_below(model: type[Model], target: type[Model]) -> bool:
    here, there = model._meta.app_label, target._meta.app_label
    return there == here or there in BELOW[here] or there not in BELOW


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_every_model_says_which_of_its_fields_are_personal(model):
    assert "PERSONAL_FIELDS" in vars(model), "declare PERSONAL_FIELDS, if only as ()"
    names = {field.name for field in model._meta.get_fields()}
    assert set(model.PERSONAL_FIELDS) <= names
    assert len(set(model.PERSONAL_FIELDS)) == len(model.PERSONAL_FIELDS)


@pytest.mark.parametrize("app", our_apps(), ids=lambda app: app.label)
def test_every_promise_of_the_database_has_a_test_that_breaks_it(app):
    promised = {name for model in app.get_models() for name in promises(model)}
    tests = importlib.import_module(f"{app.name}.tests.test_constraints")
    broken = {name for name, _ in tests.BREAKS}
    assert sorted(promised - broken) == []
    assert sorted(name for name in broken - promised if not name.endswith("_pkey")) == []


def test_every_enumeration_is_enforced_by_the_database():
    unguarded = [
        f"{model._meta.label}.{field.name}"
        for model in our_models()
        if not issubclass(model, HistoryRow)  # a copy of what passed the CHECK, and keeps words that are given up
        for field in model._meta.local_fields
        if field.choices and not _is_guarded(model, field)
    ]
    assert sorted(set(unguarded) - OPEN_LISTS) == []


def _is_guarded(model: type[Model], field: Field) -> bool:
    words = {value for value, _ in field.flatchoices} - {""}
    checks = (c for c in model._meta.constraints if isinstance(c, CheckConstraint))
    return any(
        lookup == f"{field.name}__in" and set(value) - {""} == words
        for check in checks
        for lookup, value in _leaves(check.condition)
    )


def _leaves(condition: Q) -> Iterator[tuple[str, object]]:
    for child in condition.children:
        yield from _leaves(child) if isinstance(child, Q) else [child]


@pytest.mark.parametrize("app", our_apps(), ids=lambda app: app.label)
def test_every_app_has_one_migration(app):
    assert len([path for path in files() if path.match(f"{app.path}/migrations/[0-9]*.py")]) == 1


def test_imports_go_down(capsys):
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert broken == 0, capsys.readouterr().out


def test_no_file_has_more_than_600_lines():
    long = {str(path.relative_to(ROOT)) for path in files() if path.suffix == ".py" and _lines(path.read_text()) > 600}
    assert {name for name in long if "/migrations/" not in name} == set()


def _lines(text: str) -> int:
    return text.count("\n")


def test_no_function_has_more_than_60_lines(record_property):
    lengths = {
        f"{place} {node.name}": node.end_lineno - node.lineno + 1
        for kind in (ast.FunctionDef, ast.AsyncFunctionDef)
        for place, node in found(kind, tests=True)
    }
    record_property("functions of more than 35 lines", sorted(place for place, n in lengths.items() if n > 35))
    assert {place: n for place, n in lengths.items() if n > 60} == {}


def test_nothing_is_kept_in_a_drawer():
    drawers = {"core", "common", "utils", "helpers", "misc"}
    assert [name for name, _ in modules() if drawers & set(re.split(r"[/.]", name))] == []


def test_due_times_are_rows_and_wake_ups_go_through_wake():
    late = {"eta", "countdown"}
    calls = list(found(ast.Call))
    assert [place for place, node in calls if late & {keyword.arg for keyword in node.keywords}] == []
    straight = {"delay", "delay_on_commit", "apply_async", "apply_async_on_commit"}
    assert [place for place, node in calls if getattr(node.func, "attr", "") in straight] == []


def test_no_except_is_bare():
    assert [place for place, node in found(ast.ExceptHandler, tests=True) if node.type is None] == []


def test_only_providers_know_providers():
    inside = "communications/providers/"
    told = [place for place, name in _imported() if not place.startswith(inside) and _is_a_provider(name)]
    assert told == []
    compared = [place for place, node in found(ast.Compare) if _asks_which_provider(node)]
    assert [place for place in compared if not place.startswith(inside)] == []


def _imported() -> Iterator[tuple[str, str]]:
    for place, node in found(ast.Import):
        yield from ((place, alias.name) for alias in node.names)
    for place, node in found(ast.ImportFrom):
        yield place, node.module or ""


def _is_a_provider(name: str) -> bool:
    within = name.startswith("communications.providers.") and name not in PROVIDER_DOORS
    return within or name.partition(".")[0] in SDKS


def _asks_which_provider(node: ast.Compare) -> bool:
    asked = getattr(node.left, "attr", getattr(node.left, "id", ""))
    return asked == "provider" and any(isinstance(word, ast.Constant) and word.value for word in node.comparators)


def test_every_task_that_is_woken_by_name_is_registered():
    from config.celery import app

    app.loader.import_default_modules()
    woken = {
        node.value
        for place, node in found(ast.Constant)
        if "/wake.py:" in place and re.fullmatch(r"\w+\.tasks\.\w+", str(node.value))
    }
    timed = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert sorted((woken | timed | set(settings.CELERY_TASK_ROUTES)) - set(app.tasks)) == []
