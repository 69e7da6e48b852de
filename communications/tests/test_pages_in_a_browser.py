"""Every page of the back office in a browser, wide and light, narrow and dark: nobody is kept out, nothing hangs over."""

from typing import Any

import pytest
from django.db.models import Model
from django.urls import reverse

from communications.tests import test_admin as communications
from communications.tests.browsing import barriers, scrolls_sideways, staff_at
from communications.tests.test_template_pages import email
from config.accounts.models import ApiToken, User
from config.accounts.tests.factories import UserFactory
from config.jobs.models import Job
from config.jobs.tests.factories import JobFactory
from config.tests.back_office import add_url, list_url, row_url
from customers.tests import test_admin as customers
from customers.tests.factories import CustomerFactory
from interactions.tests import test_admin as interactions

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FACTORIES = {
    **customers.FACTORIES,
    **interactions.FACTORIES,
    **communications.FACTORIES,
    User: UserFactory,
    Job: JobFactory,
}
ADDED = (*communications.WRITABLE, ApiToken, User)
LOOKS = {"wide and light": {"width": 1440, "dark": False}, "narrow and dark": {"width": 390, "dark": True}}


def visit(server: Any, paths: list[str]) -> list[str]:
    """What is wrong with the pages at `paths`, in each look."""
    wrong: list[str] = []
    with staff_at(server) as desk:
        for look, how in LOOKS.items():
            page = desk.page(**how)
            for path in paths:
                desk.open(page, path)
                wrong += [f"{look} {path}: {barrier}" for barrier in barriers(page)]
                wrong += [f"{look} {path} scrolls sideways"] if scrolls_sideways(page) else []
        wrong += desk.problems
    return wrong


@pytest.mark.parametrize("model", FACTORIES, ids=lambda model: model._meta.label)
def test_a_list_and_a_row_please_everybody(live_server: Any, model: type[Model]) -> None:
    row = FACTORIES[model]()

    assert visit(live_server, [list_url(model), row_url(row)]) == []


@pytest.mark.parametrize("model", ADDED, ids=lambda model: model._meta.label)
def test_a_form_pleases_everybody(live_server: Any, model: type[Model]) -> None:
    assert visit(live_server, [add_url(model)]) == []


def test_the_first_page_previews_consent_and_history_please_everybody(live_server: Any) -> None:
    schema, customer = email(), CustomerFactory()
    paths = [
        reverse("admin:index"),
        reverse("admin:communications_messageschema_preview", args=[schema.pk]),
        reverse("admin:communications_messageschema_variant", args=[schema.pk, "fr"]),
        reverse("admin:customers_customer_consent", args=[customer.pk]),
        reverse("admin:customers_customer_history", args=[customer.pk]),
    ]

    assert visit(live_server, paths) == []
