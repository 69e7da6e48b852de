"""Whatever stands in an address of the back office, it is answered and nothing breaks."""

from itertools import product

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from config.accounts.tests.factories import UserFactory
from config.tests.back_office import list_url

QUERIES = (
    "o=999",
    "o=x",
    "p=abc",
    "status__exact=%00",
    "q=%00",
    "q=%F0%9F%98%80%25_%5C",
    "created_ts__gte=x",
    "x__y=1",
)
KEYS = ("x", "\x00", "0", "9" * 23, "a/b", "00000000-0000-7000-8000-000000000000")
PAGES = ("change", "history", "delete")
PAGED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("model", PAGED, ids=lambda model: model._meta.label_lower)
def test_an_address_that_means_nothing_is_answered(staff: Client, model: type[Model]) -> None:
    names = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    addresses = [f"{list_url(model)}?{query}" for query in QUERIES]
    addresses += [reverse(f"{names}_{page}", args=[key]) for page, key in product(PAGES, KEYS)]

    answered = {address: staff.get(address).status_code for address in addresses}

    assert set(answered.values()) <= {200, 302, 400, 403, 404}, answered
    assert {status for address, status in answered.items() if "%00" in address and "q=" not in address} == {400}
