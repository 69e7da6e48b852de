import pytest
from django.utils import timezone

from config.jobs.tests.factories import JobFactory
from config.tests.constraints import Break, assert_refused, tables_of

BREAKS: list[Break] = [
    ("jobs_state", lambda: JobFactory(state="pigeon", finished_ts=timezone.now())),
    ("jobs_changed", lambda: JobFactory(position=1, changed=2)),
    ("jobs_finished_paired", lambda: JobFactory(state="done")),
    ("jobs_finished_paired", lambda: JobFactory(finished_ts=timezone.now())),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("promise", "break_it"), BREAKS)
def test_the_database_refuses_what_breaks_a_promise(promise, break_it):
    assert_refused(promise, break_it)


def test_the_tables_have_their_names():
    assert tables_of("jobs") == {"Job": "jobs"}
