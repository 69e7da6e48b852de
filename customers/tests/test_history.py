"""Each change of a person's data is written down, whoever makes it and however."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.accounts.models import User
from config.accounts.tests.factories import UserFactory
from config.history.changes import PAGE, history_of
from config.history.tracking import history_model
from config.tests.back_office import history_url, row_url
from config.tests.callers import caller
from customers.models import Appointment, Customer, CustomerIdentifier, Employee, Suppression
from customers.tests.factories import (
    AppointmentFactory,
    CustomerFactory,
    CustomerIdentifierFactory,
    EmployeeFactory,
    SuppressionFactory,
)
from customers.tests.test_admin import form_of

COUNTERS = ["total_interactions", "sentiment_history", "last_interaction_at", "updated_at"]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(UserFactory(name="Emily Stone", is_staff=True, is_superuser=True))
    return client


def labels(row: models.Model) -> list[str]:
    kept = history_model(type(row))
    assert kept is not None
    return list(kept.objects.filter(id=row.pk).order_by("pgh_id").values_list("pgh_label", flat=True))


def newest(row: models.Model) -> Any:
    kept = history_model(type(row))
    assert kept is not None
    return kept.objects.filter(id=row.pk).latest("pgh_id")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("factory", "changes"),
    [
        (CustomerFactory, {"city": "London"}),
        (CustomerIdentifierFactory, {"verified": True}),
        (AppointmentFactory, {"notes": "Ring twice"}),
        (EmployeeFactory, {"title": "Dispatcher"}),
        (SuppressionFactory, {"detail": "by phone"}),
    ],
)
def test_a_row_is_followed_from_its_making_to_its_end(factory: Any, changes: dict[str, Any]) -> None:
    row = factory()
    [name], [value] = changes, changes.values()

    setattr(row, name, value)
    row.save()
    row.save()
    key = row.pk
    row.delete()
    row.pk = key

    assert labels(row) == ["insert", "update", "delete"]
    assert getattr(newest(row), name) == value


@pytest.mark.django_db
def test_no_way_of_writing_goes_unseen() -> None:
    first, second = Customer.objects.bulk_create([CustomerFactory.build(), CustomerFactory.build()])

    Customer.objects.filter(pk__in=(first.pk, second.pk)).update(city="London")
    first.tier = "gold"
    Customer.objects.bulk_update([first], ["tier"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers SET notes = 'by hand' WHERE id = %s", [first.pk])

    assert labels(first) == ["insert", "update", "update", "update"]
    assert labels(second) == ["insert", "update"]
    assert newest(first).notes == "by hand"


@pytest.mark.django_db
def test_counters_are_no_history() -> None:
    rows = CustomerFactory.create_batch(3)

    Customer.objects.update(total_interactions=5, last_interaction_at=timezone.now(), updated_at=timezone.now())
    for row in rows:
        row.total_interactions, row.sentiment_history = 6, [{"score": 0.5}]
    Customer.objects.bulk_update(rows, COUNTERS)
    rows[0].save()

    assert [labels(row) for row in rows] == [["insert"]] * 3


@pytest.mark.django_db
def test_a_statement_that_writes_only_counters_does_not_even_ask_the_triggers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgattr::int2[] FROM pg_trigger WHERE tgrelid = 'customers'::regclass AND tgname ~ 'history_update'"
        )
        [(columns,)] = cursor.fetchall()
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum = ANY(%s)", [columns]
        )
        watched = {name for (name,) in cursor.fetchall()}

    assert watched == {field.column for field in Customer._meta.local_fields} - set(COUNTERS)


@pytest.mark.parametrize("model", [Customer, CustomerIdentifier, Appointment, Employee, Suppression])
def test_what_was_copied_of_a_person_is_declared_personal(model: Any) -> None:
    kept = history_model(model)
    assert kept is not None
    assert set(kept.PERSONAL_FIELDS) == set(model.PERSONAL_FIELDS) - {"sentiment_history"}


def test_a_change_on_a_page_knows_who_and_where(staff: Client, jane: Customer) -> None:
    page = row_url(jane)

    assert staff.post(page, form_of(jane, city="Paris")).status_code == 302

    assert newest(jane).pgh_context == {"user": str(User.objects.get().pk), "url": page}


def test_a_change_by_the_api_knows_whose_token(db: None, jane: Customer) -> None:
    client = caller("view_customer", "change_customer")
    user = User.objects.get()

    assert client.patch(f"/api/v1/customer/{jane.pk}", {"city": "Paris"}).status_code == 200

    context = newest(jane).pgh_context
    assert context["user"] == str(user.pk) and context["url"] == f"/api/v1/customer/{jane.pk}"
    assert context["token"].startswith("Website (rap_")


def test_reading_the_api_says_nothing_of_who(db: None, jane: Customer) -> None:
    client = caller("view_customer")

    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/api/v1/customer/{jane.pk}").status_code == 200

    assert not any("set_config" in query["sql"] for query in queries.captured_queries)


def test_the_history_page_tells_who_changed_what_from_where(staff: Client, jane: Customer) -> None:
    staff.post(row_url(jane), form_of(jane, city="Paris", notes="<b>shy</b>"))

    html = staff.get(history_url(jane)).content.decode()

    assert "Emily Stone" in html and "Back office" in html and row_url(jane) in html
    assert "<ins>Paris</ins>" in html and "&lt;b&gt;shy&lt;/b&gt;" in html and "<b>shy" not in html
    assert html.index("Changed") < html.index("Made")
    assert history_url(jane) in staff.get(row_url(jane)).content.decode()


def test_words_stand_for_ids_and_choices(staff: Client, furnace_visit: Appointment) -> None:
    other = EmployeeFactory(name="Sam Poole")
    Appointment.objects.filter(pk=furnace_visit.pk).update(employee=other, status="no_show")

    html = staff.get(history_url(furnace_visit)).content.decode()

    assert "<ins>Sam Poole</ins>" in html and "<ins>No show</ins>" in html


def test_of_a_long_text_the_place_is_shown_where_it_changed(db: None) -> None:
    row = CustomerFactory(notes="a" * 5_000)
    Customer.objects.filter(pk=row.pk).update(notes="a" * 5_000 + "and the end")
    kept = history_model(Customer)
    assert kept is not None

    [difference] = history_of(kept, row.pk).changes[0].differences

    assert difference.after == "…" + "a" * 40 + "and the end" and difference.before == "…" + "a" * 40


def test_a_deleted_row_keeps_its_page(staff: Client, jane: Customer) -> None:
    row = CustomerIdentifierFactory(customer=jane, identifier_value="+15195550188")
    page = history_url(row)
    row.delete()

    answer = staff.get(page)

    assert answer.status_code == 200
    assert "was deleted" in answer.content.decode() and "+15195550188" in answer.content.decode()
    assert staff.get(history_url(AppointmentFactory.build())).status_code == 404
    assert staff.get(page.replace(page.split("/")[-3], "nonsense")).status_code == 404


def test_a_page_costs_the_same_however_much_has_happened(staff: Client, furnace_visit: Appointment) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(history_url(furnace_visit)).status_code == 200
        return len(queries)

    here = Appointment.objects.filter(pk=furnace_visit.pk)
    here.update(employee=EmployeeFactory())
    for_two = cost()
    for _ in range(2 * PAGE):
        here.update(employee=EmployeeFactory(), starts_at=here.get().starts_at + timedelta(hours=1))

    assert cost() == for_two <= 9


def test_older_changes_are_a_page_away_and_none_is_told_twice(db: None) -> None:
    row = CustomerFactory(city="0")
    for number in range(1, PAGE + 3):
        Customer.objects.filter(pk=row.pk).update(city=str(number))
    kept = history_model(Customer)
    assert kept is not None

    first = history_of(kept, row.pk)
    second = history_of(kept, row.pk, before=first.older)

    told = [change.differences[0].after for change in (*first.changes, *second.changes)][:-1]
    assert told == [str(number) for number in range(PAGE + 2, 0, -1)]
    assert first.changes[-1].differences[0].before == "2" and second.older is None
    assert second.changes[-1].verb == "Made"


def test_only_who_may_see_a_customer_sees_his_history(client: Client, jane: Customer) -> None:
    client.force_login(UserFactory(is_staff=True))

    assert client.get(history_url(jane)).status_code == 403


@pytest.mark.django_db
def test_what_was_before_the_first_that_is_known_is_not_made_up() -> None:
    row = CustomerFactory()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE customers_history")
    Customer.objects.filter(pk=row.pk).update(city="Paris")
    kept = history_model(Customer)
    assert kept is not None

    [change] = history_of(kept, row.pk).changes

    assert change.is_first_known and change.differences == [] and change.where == "The program itself, or SQL"
