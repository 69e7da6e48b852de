"""A list costs the same few queries, however long it is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.tests.callers import caller
from customers.tests.factories import AppointmentFactory, ConsentEventFactory, EmployeeFactory

LISTS = {
    "appointment": lambda: AppointmentFactory(employee=EmployeeFactory()),
    "consent": ConsentEventFactory,
}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "make"), LISTS.items())
def test_a_list_costs_the_same_queries_however_long(name: str, make: Callable[[], Any]) -> None:
    client = caller(f"view_{name}", "view_consentevent")
    make()
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(f"/api/v1/{name}").json()["results"]) == 1
    for _ in range(9):
        make()

    with CaptureQueriesContext(connection) as many:
        assert len(client.get(f"/api/v1/{name}").json()["results"]) == 10

    assert len(many) == len(few) == 2  # the caller, the page
