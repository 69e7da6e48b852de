from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from communications.rendering.liquid import compile_template
from communications.rendering.sms import measure
from communications.rendering.variables import common_variables, format_date, format_datetime, format_time

UC1 = (
    "Hi {{firstName}}, reminder: Your {{serviceType}} appointment is on {{date}} at {{time}}. "
    "Address: {{address}}. Reply CONFIRM or CANCEL."
)
NOV15 = datetime(2025, 11, 15, 19, 0, tzinfo=UTC)  # 2 PM in Toronto


def customer(**facts):
    blank = dict.fromkeys(("first_name", "last_name", "name", "phone", "address", "city", "province"), "")
    return SimpleNamespace(**{**blank, "primary_email": None, **facts})


def appointment(**facts):
    return SimpleNamespace(
        **{
            "service_type": "HVAC Maintenance",
            "starts_at": NOV15,
            "address": "",
            "time_zone": "America/Toronto",
            **facts,
        }
    )


JOHN = customer(
    first_name="John",
    last_name="Smith",
    name="John Smith",
    primary_email="john@example.com",
    phone="+14165551234",
    address="123 Main St",
    city="London",
    province="ON",
)


def test_the_reminder_of_the_first_use_case_comes_out_to_the_letter():
    variables = common_variables(customer=JOHN, appointment=appointment(), time_zone="America/Toronto", language="en")
    assert compile_template(UC1).render(variables) == (
        "Hi John, reminder: Your HVAC Maintenance appointment is on Nov 15, 2025 at 2:00 PM. "
        "Address: 123 Main St, London, ON. Reply CONFIRM or CANCEL."
    )


def test_every_common_variable_is_resolved():
    emily = SimpleNamespace(name="Emily Thompson", phone="+14165550100")
    variables = common_variables(
        customer=JOHN,
        employee=emily,
        appointment=appointment(address="9 Side Rd"),
        project=SimpleNamespace(name="Furnace"),
        task=SimpleNamespace(name="Repair"),
        extra={"amount": 12},
    )
    assert variables == {
        "firstName": "John",
        "lastName": "Smith",
        "fullName": "John Smith",
        "email": "john@example.com",
        "phone": "+14165551234",
        "address": "9 Side Rd",
        "city": "London",
        "province": "ON",
        "employeeName": "Emily Thompson",
        "employeePhone": "+14165550100",
        "serviceType": "HVAC Maintenance",
        "date": "Nov 15, 2025",
        "time": "2:00 PM",
        "datetime": "Nov 15, 2025, 2:00 PM",
        "projectName": "Furnace",
        "taskName": "Repair",
        "amount": 12,
    }


def test_without_facts_there_are_no_variables():
    assert common_variables() == {}


def test_what_is_blank_is_left_out_and_stays_missing():
    variables = common_variables(customer=customer(name="  ", city="London"), extra={"amount": None})
    assert variables == {"city": "London"}


def test_the_requests_own_values_win_but_its_blanks_do_not():
    variables = common_variables(
        customer=JOHN, extra={"firstName": "Johnny", "lastName": " ", "count": 0, "vip": False}
    )
    assert (variables["firstName"], variables["lastName"]) == ("Johnny", "Smith")
    assert (variables["count"], variables["vip"]) == (0, False)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Jane Doe", "Jane", "Doe"), ("Acme", None, None), ("María José García López", None, None)],
)
def test_a_name_of_two_words_tells_first_and_last(name, first, last):
    variables = common_variables(customer=customer(name=name))
    assert (variables.get("firstName"), variables.get("lastName"), variables["fullName"]) == (first, last, name)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("123 Main St", "123 Main St, London, ON"),
        ("123 Main St, London, ON", "123 Main St, London, ON"),
        ("123 Main St, london", "123 Main St, london, ON"),
        ("12 London Road", "12 London Road, London, ON"),
        ("", None),
    ],
)
def test_an_address_is_one_line_that_repeats_nothing(address, line):
    assert common_variables(customer=customer(address=address, city="London", province="ON")).get("address") == line


@pytest.mark.parametrize(
    ("customers_zone", "appointments_zone", "time"),
    [
        ("America/Vancouver", "America/Toronto", "11:00 AM"),
        (None, "America/Toronto", "2:00 PM"),
        ("", "", "7:00 PM"),
        ("Not/AZone", "America/Toronto", "2:00 PM"),
        ("../etc/passwd", None, "7:00 PM"),
    ],
)
def test_time_is_told_in_the_customers_zone(customers_zone, appointments_zone, time):
    variables = common_variables(appointment=appointment(time_zone=appointments_zone), time_zone=customers_zone)
    assert variables["time"] == time


def test_a_late_appointment_is_on_the_customers_day():
    late = appointment(starts_at=datetime(2025, 11, 16, 2, 30, tzinfo=UTC))
    assert common_variables(appointment=late, time_zone="America/Toronto")["datetime"] == "Nov 15, 2025, 9:30 PM"


@pytest.mark.parametrize(
    ("language", "date", "time"),
    [
        ("en-CA", "Nov 5, 2025", "2:05 PM"),
        ("fr-CA", "5 nov. 2025", "14:05"),
        ("de", "5. Nov. 2025", "14:05"),
        ("es_MX", "5 nov 2025", "14:05"),
        ("tlh", "Nov 5, 2025", "2:05 PM"),
        ("", "Nov 5, 2025", "2:05 PM"),
    ],
)
def test_dates_speak_the_customers_language(language, date, time):
    at = datetime(2025, 11, 5, 14, 5, tzinfo=UTC)
    assert (format_date(at, language), format_time(at, language)) == (date, time)


@pytest.mark.parametrize(
    ("hour", "shown"), [(0, "12:00 AM"), (1, "1:00 AM"), (11, "11:00 AM"), (12, "12:00 PM"), (23, "11:00 PM")]
)
def test_the_english_clock_has_twelve_hours(hour, shown):
    assert format_time(datetime(2025, 1, 1, hour, tzinfo=UTC)) == shown


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_no_date_ever_makes_an_sms_twice_as_dear(language):
    for month in range(1, 13):
        assert measure(format_datetime(datetime(2025, month, 1, tzinfo=UTC), language)).encoding == "GSM-7"
