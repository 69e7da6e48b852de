"""What the tests of every app's back office share."""

from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.history.tracking import HistoryRow


def models_of(app: str) -> list[type[Model]]:
    """The models of `app` that have a page."""
    return [model for model in admin.site._registry if model._meta.app_label == app]


def shown_models(app: str) -> set[type[Model]]:
    """Those that are to have a page: a history is shown by the page of what it is the history of."""
    return {model for model in apps.get_app_config(app).get_models() if not issubclass(model, HistoryRow)}


def history_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])


def list_url(model: type[Model], **query: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=query or None)


def row_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def add_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def list_queries(client: Client, model: type[Model], **query: str) -> list[str]:
    """The statements that a list page costs."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(list_url(model, **query)).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def read_only(client: Client, row: Model) -> bool:
    """Whether the back office refuses to add, change and delete rows like this one."""
    page = row_url(row)
    answers = [
        client.get(add_url(type(row))).status_code,
        client.post(page, {"_save": "1"}).status_code,
        client.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code,
    ]
    return answers == [403, 403, 403]
