"""When a reminder is sent: a day before on the customer's clock, whatever that clock does in the night. Pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from communications.actions.reminders import reminder_time
from communications.tests.factories import ReminderScheduleFactory
from customers.tests.factories import AppointmentFactory, CustomerFactory

TORONTO, VANCOUVER, ST_JOHNS = "America/Toronto", "America/Vancouver", "America/St_Johns"
DAY = timedelta(days=1)
TEN = datetime(2025, 11, 14, 15, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def when(zone: str, at: str, *, starts: str = "2025-11-15 14:00", hour: time = time(10), days: int = 1) -> Any:
    schedule = ReminderScheduleFactory.build(local_time=hour, days_before=days)
    customer = CustomerFactory.build(time_zone=zone)
    starts_at = datetime.fromisoformat(starts).replace(tzinfo=ZoneInfo(zone))
    found = reminder_time(schedule, AppointmentFactory.build(customer=customer, starts_at=starts_at), utc(at))
    return found and found.astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        (ST_JOHNS, "2025-11-14 03:29:59.999999", None),
        (ST_JOHNS, "2025-11-14 03:30", "2025-11-14 13:30"),
        (TORONTO, "2025-11-14 03:30", None),
        (TORONTO, "2025-11-14 04:59:59.999999", None),
        (TORONTO, "2025-11-14 05:00", "2025-11-14 15:00"),
        (VANCOUVER, "2025-11-14 05:00", None),
        (VANCOUVER, "2025-11-14 07:59:59.999999", None),
        (VANCOUVER, "2025-11-14 08:00", "2025-11-14 18:00"),
        (ST_JOHNS, "2025-11-14 14:00", "2025-11-14 14:00"),  # its ten o'clock has passed: now
        (TORONTO, "2025-11-14 14:00", "2025-11-14 15:00"),
        (VANCOUVER, "2025-11-14 14:00", "2025-11-14 18:00"),
        (ST_JOHNS, "2025-11-15 03:29", "2025-11-15 03:29"),
        (ST_JOHNS, "2025-11-15 03:30", None),  # today is the day itself
        (TORONTO, "2025-11-15 04:59", "2025-11-15 04:59"),
        (TORONTO, "2025-11-15 05:00", None),
        (VANCOUVER, "2025-11-15 07:59", "2025-11-15 07:59"),
        (VANCOUVER, "2025-11-15 08:00", None),
        ("Pacific/Kiritimati", "2025-11-13 10:00", "2025-11-13 20:00"),
        ("Pacific/Pago_Pago", "2025-11-15 10:59", "2025-11-15 10:59"),
    ],
)
def test_the_day_before_is_a_day_on_the_customers_clock(zone: str, at: str, expected: str | None) -> None:
    assert when(zone, at) == (expected and utc(expected))


@pytest.mark.parametrize(
    ("starts", "hour", "at", "expected"),
    [
        ("2026-03-09 14:00", time(10), "2026-03-08 06:00", "2026-03-08 14:00"),  # ten o'clock is EDT already
        ("2026-03-09 14:00", time(1, 59), "2026-03-08 06:00", "2026-03-08 06:59"),
        ("2026-03-09 14:00", time(2, 0), "2026-03-08 06:00", "2026-03-08 07:00"),  # 2:00 to 2:59 do not exist: 3:00
        ("2026-03-09 14:00", time(2, 30), "2026-03-08 06:00", "2026-03-08 07:00"),
        ("2026-03-09 14:00", time(3, 0), "2026-03-08 06:00", "2026-03-08 07:00"),
        ("2026-03-08 14:00", time(10), "2026-03-07 06:00", "2026-03-07 15:00"),
        ("2026-11-02 14:00", time(10), "2026-11-01 04:00", "2026-11-01 15:00"),  # ten o'clock is EST already
        ("2026-11-02 14:00", time(1, 30), "2026-11-01 04:00", "2026-11-01 05:30"),  # comes twice: the first
        ("2026-11-02 14:00", time(1, 30), "2026-11-01 06:00", "2026-11-01 06:00"),  # the first has passed: now
        ("2026-11-02 14:00", time(23, 59), "2026-11-01 04:00", "2026-11-02 04:59"),
    ],
)
def test_when_the_clocks_change(starts: str, hour: time, at: str, expected: str) -> None:
    assert when(TORONTO, at, starts=starts, hour=hour) == utc(expected)


@pytest.mark.parametrize("days", [0, 1, 2, 30])
def test_any_number_of_days_before(days: int) -> None:
    at = TEN - (days - 1) * DAY

    assert when(TORONTO, f"{at:%Y-%m-%d %H:%M}", days=days) == at


@pytest.mark.parametrize("zone", ["", "Toronto", "America/Nowhere", "../etc"])
def test_a_misspelt_time_zone_means_the_appointments(zone: str) -> None:
    visit = AppointmentFactory.build(
        customer=CustomerFactory.build(time_zone=zone), starts_at=TEN + DAY, time_zone=VANCOUVER
    )

    assert reminder_time(ReminderScheduleFactory.build(), visit, TEN) == utc("2025-11-14 18:00")
