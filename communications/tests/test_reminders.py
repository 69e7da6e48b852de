"""Reminders: the day before on the customer's clock, once, for the time the appointment has now."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
import time_machine

from communications.actions import enqueue, messages, reminders
from communications.actions.messages import withdraw_message
from communications.actions.reminders import run_due_schedules, withdraw_stale_reminders
from communications.actions.schemas import save_schema
from communications.choices import MessageStatus
from communications.models import AppointmentReminder, MessageData, ReminderSchedule
from communications.tests.factories import MessageSchemaFactory, ReminderScheduleFactory
from customers.actions.appointments import cancel_appointment, confirm_appointment, move_appointment
from customers.models import Appointment, Customer
from customers.tests.database import at_once
from customers.tests.factories import AppointmentFactory, CustomerFactory, CustomerIdentifierFactory

TORONTO, VANCOUVER, ST_JOHNS = "America/Toronto", "America/Vancouver", "America/St_Johns"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MORNING = datetime(2025, 11, 14, 13, 0, tzinfo=UTC)  # eight o'clock in Toronto, the day before John's visit
TEN = datetime(2025, 11, 14, 15, 0, tzinfo=UTC)

Clock = Callable[[datetime], None]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the database's clock and ours to a moment of the past."""
    travellers: list[time_machine.travel] = []

    def stop() -> None:
        while travellers:
            travellers.pop().stop()

    def set_to(moment: datetime) -> None:
        stop()
        for module in (enqueue, messages, reminders):
            monkeypatch.setattr(module, "database_now", lambda: moment)
        travellers.append(time_machine.travel(moment, tick=False))
        travellers[-1].start()

    yield set_to
    stop()


@pytest.fixture
def schedule(clock: Clock) -> ReminderSchedule:
    return make_schedule(clock)


def make_schedule(clock: Clock, **values: Any) -> ReminderSchedule:
    """The day before at ten, by an SMS; looked at whenever it is asked to."""
    clock(MORNING - 30 * DAY)
    schema = MessageSchemaFactory()
    save_schema(schema)
    return ReminderScheduleFactory(message_schema=schema, every_seconds=1, **values)


def person(zone: str, **values: Any) -> Customer:
    customer = CustomerFactory(name="Alex Roe", address="1 Main St", time_zone=zone, **values)
    CustomerIdentifierFactory(customer=customer)
    return customer


def appointment(zone: str = TORONTO, *, at: str = "2025-11-15 14:00", **values: Any) -> Appointment:
    starts_at = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))
    customer = values.pop("customer", None) or person(zone)
    return AppointmentFactory(customer=customer, starts_at=starts_at.astimezone(UTC), **values)


def run(clock: Clock, at: datetime) -> int:
    """One tick."""
    clock(at)
    withdraw_stale_reminders()
    return run_due_schedules()


def states() -> list[tuple[int, str, str]]:
    rows = AppointmentReminder.objects.order_by("created_ts", "id")
    return list(rows.values_list("revision", "state", "message_data__status"))


# --- planning --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_at_one_moment_three_coasts_are_three_days(clock: Clock, schedule: ReminderSchedule) -> None:
    visits = {zone: appointment(zone) for zone in (ST_JOHNS, TORONTO, VANCOUVER)}

    planned = [run(clock, utc(at)) for at in ("2025-11-14 03:30", "2025-11-14 05:00", "2025-11-14 08:00")]

    assert planned == [1, 1, 1]
    sent = dict(AppointmentReminder.objects.values_list("appointment", "message_data__scheduled_ts"))
    assert sent == {
        visits[ST_JOHNS].pk: utc("2025-11-14 13:30"),
        visits[TORONTO].pk: utc("2025-11-14 15:00"),
        visits[VANCOUVER].pk: utc("2025-11-14 18:00"),
    }


@pytest.mark.django_db
def test_a_reminder_is_a_message_bound_to_its_appointment(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()

    run(clock, MORNING)

    message = MessageData.objects.get()
    assert (message.status, message.scheduled_ts, message.expires_ts) == ("scheduled", TEN, visit.starts_at)
    assert message.batch and (message.batch.state, message.batch.due_at) == ("waiting", TEN)
    assert (message.customer, message.appointment) == (visit.customer, visit)
    assert message.content_data["finalMessage"] == (
        "Hi Alex, reminder: Your HVAC Maintenance appointment is on Nov 15, 2025 at 2:00 PM. "
        "Address: 1 Main St. Reply CONFIRM or CANCEL."
    )
    assert message.reminder.schedule == schedule


@pytest.mark.django_db
def test_it_is_planned_once_however_often_somebody_looks(clock: Clock, schedule: ReminderSchedule) -> None:
    appointment()

    assert [run(clock, MORNING + minutes * timedelta(minutes=1)) for minutes in range(5)] == [1, 0, 0, 0, 0]
    assert MessageData.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_is_planned_once_when_eight_processes_look_at_once(clock: Clock) -> None:
    make_schedule(clock)
    for _ in range(5):
        appointment()
    clock(MORNING)

    planned = at_once(*(run_due_schedules for _ in range(8)))

    assert sorted(planned) == [0] * 7 + [5]
    assert MessageData.objects.count() == AppointmentReminder.objects.count() == 5


@pytest.mark.django_db
def test_a_second_plan_for_the_same_time_is_refused_by_the_database_and_leaves_no_message(
    clock: Clock, schedule: ReminderSchedule
) -> None:
    visit = appointment()
    clock(MORNING)

    assert [reminders._plan(schedule, visit, MORNING) for _ in range(2)] == [True, False]
    assert MessageData.objects.count() == 1


@pytest.mark.django_db
def test_a_schedule_looks_again_when_its_time_has_come(clock: Clock, schedule: ReminderSchedule) -> None:
    ReminderSchedule.objects.update(every_seconds=300)
    run(clock, MORNING)
    appointment()

    assert run(clock, MORNING + timedelta(seconds=299)) == 0
    assert run(clock, MORNING + timedelta(seconds=300)) == 1


@pytest.mark.django_db
def test_a_schedule_may_be_for_one_service_or_asleep(clock: Clock, schedule: ReminderSchedule) -> None:
    appointment(service_type="Duct Cleaning")
    ReminderSchedule.objects.update(service_type="HVAC Maintenance")
    assert run(clock, MORNING) == 0

    ReminderSchedule.objects.update(service_type="", active=False)
    assert run(clock, MORNING + HOUR) == 0

    ReminderSchedule.objects.update(active=True)
    assert run(clock, MORNING + HOUR) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["confirmed", "completed", "no_show"])
def test_who_need_not_be_asked_is_not_asked(clock: Clock, schedule: ReminderSchedule, status: str) -> None:
    appointment(status=status)

    assert run(clock, MORNING) == 0


@pytest.mark.django_db
def test_what_is_booked_today_for_tomorrow_is_reminded_of_now(clock: Clock, schedule: ReminderSchedule) -> None:
    now = TEN + 5 * HOUR
    run(clock, now - HOUR)
    appointment(at="2025-11-15 08:00")

    assert run(clock, now) == 1
    message = MessageData.objects.get()
    assert (message.status, message.scheduled_ts) == ("pending", None)
    assert message.batch and message.batch.due_at == now


@pytest.mark.django_db
def test_in_the_night_when_an_hour_comes_twice_one_reminder_is_planned(
    clock: Clock, schedule: ReminderSchedule
) -> None:
    ReminderSchedule.objects.update(local_time=time(1, 30))
    appointment(at="2025-11-03 14:00")
    clock(utc("2025-11-01 12:00"))
    ReminderSchedule.objects.update(next_run_at=utc("2025-11-01 12:00"))

    planned = [run(clock, utc("2025-11-02 03:00") + number * HOUR / 2) for number in range(12)]

    assert sum(planned) == 1
    assert MessageData.objects.get().scheduled_ts == utc("2025-11-02 05:30")


# --- when things change ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_moved_appointment_is_reminded_of_anew_and_the_old_reminder_withdrawn(
    clock: Clock, schedule: ReminderSchedule
) -> None:
    visit = appointment()
    run(clock, MORNING)

    move_appointment(visit, starts_at=visit.starts_at + HOUR)
    assert run(clock, MORNING + HOUR) == 1

    assert states() == [(1, "withdrawn", "cancelled"), (2, "planned", "scheduled")]
    assert "3:00 PM" in MessageData.objects.get(status="scheduled").content_data["finalMessage"]
    assert MessageData.objects.get(status="cancelled").decision_reason == "withdrawn"


@pytest.mark.django_db
def test_cancelled_and_revived_it_is_planned_again(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)

    cancel_appointment(visit)
    run(clock, MORNING)
    Appointment.objects.filter(pk=visit.pk).update(status="scheduled")
    assert run(clock, MORNING + HOUR) == 1

    assert states() == [(1, "withdrawn", "cancelled"), (2, "planned", "scheduled")]


@pytest.mark.django_db
def test_moved_and_moved_back_it_is_planned_again(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)

    move_appointment(visit, starts_at=visit.starts_at + HOUR)
    move_appointment(visit, starts_at=visit.starts_at - HOUR)
    assert run(clock, MORNING + HOUR) == 1

    assert states() == [(1, "withdrawn", "cancelled"), (3, "planned", "scheduled")]


@pytest.mark.django_db
def test_moved_to_another_day_it_is_planned_on_that_day(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)

    move_appointment(visit, starts_at=visit.starts_at + 3 * DAY)

    assert [run(clock, MORNING + days * DAY) for days in range(4)] == [0, 0, 0, 1]


@pytest.mark.django_db
def test_a_confirmed_appointment_that_moves_is_asked_about_again(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment(status="confirmed")
    assert run(clock, MORNING) == 0

    move_appointment(visit, starts_at=visit.starts_at + HOUR)

    assert run(clock, MORNING + HOUR) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("settle", [confirm_appointment, cancel_appointment])
def test_what_staff_settle_before_it_is_sent_is_withdrawn(
    clock: Clock, schedule: ReminderSchedule, settle: Callable[[Appointment], bool]
) -> None:
    visit = appointment()
    run(clock, MORNING)

    settle(visit)

    assert run(clock, MORNING + HOUR) == 0
    assert states() == [(1, "withdrawn", "cancelled")]


@pytest.mark.django_db
def test_what_was_sent_stays_sent_when_the_appointment_moves(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)
    MessageData.objects.update(status=MessageStatus.SENT, sent_ts=TEN)

    move_appointment(visit, starts_at=visit.starts_at + HOUR)
    assert run(clock, TEN + HOUR) == 1

    assert states() == [(1, "withdrawn", "sent"), (2, "planned", "pending")]


@pytest.mark.django_db
def test_nothing_that_still_holds_is_withdrawn(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)

    Appointment.objects.filter(pk=visit.pk).update(notes="Ring twice")

    assert withdraw_stale_reminders() == 0
    assert states() == [(1, "planned", "scheduled")]


@pytest.mark.django_db(transaction=True)
def test_two_who_withdraw_at_once_withdraw_each_reminder_once(clock: Clock) -> None:
    make_schedule(clock)
    visits = [appointment() for _ in range(10)]
    run(clock, MORNING)
    for visit in visits:
        cancel_appointment(visit)

    assert sum(at_once(withdraw_stale_reminders, withdraw_stale_reminders)) == 10
    assert set(states()) == {(1, "withdrawn", "cancelled")}


# --- what cannot be sent ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_cannot_be_reminded_is_logged_and_the_others_are(clock: Clock, schedule: ReminderSchedule) -> None:
    nameless = appointment(customer=CustomerFactory(name="", phone="+14165550101", address="1 Main St"))
    unreachable = appointment(customer=CustomerFactory(name="Alex Roe", address="1 Main St"))
    others = [appointment(), appointment()]

    with structlog.testing.capture_logs() as logged:
        assert run(clock, MORNING) == 2

    assert set(AppointmentReminder.objects.values_list("appointment", flat=True)) == {visit.pk for visit in others}
    told = {(line["appointment_id"], line["code"]) for line in logged if line["event"] == "reminder_not_planned"}
    assert told == {(str(nameless.pk), "missing_variable"), (str(unreachable.pk), "no_address")}
    assert MessageData.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["", "Toronto"])
def test_one_misspelt_time_zone_stops_nobodys_reminder(clock: Clock, schedule: ReminderSchedule, zone: str) -> None:
    for each in (zone, TORONTO):
        appointment(customer=person(each), time_zone=TORONTO)

    assert run(clock, MORNING) == 2


@pytest.mark.django_db
def test_what_was_refused_is_planned_when_the_cause_is_mended(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment(customer=CustomerFactory(name="", phone="+14165550101", address="1 Main St"))
    assert run(clock, MORNING) == 0

    Customer.objects.filter(pk=visit.customer_id).update(first_name="John")

    assert run(clock, MORNING + HOUR) == 1


@pytest.mark.django_db
def test_a_reminder_on_its_way_is_not_taken_back(clock: Clock, schedule: ReminderSchedule) -> None:
    visit = appointment()
    run(clock, MORNING)
    message = MessageData.objects.get()
    assert message.batch
    message.batch.state, message.batch.lease_until = "working", TEN + HOUR
    message.batch.in_flight = [message.pk]
    message.batch.save()

    cancel_appointment(visit)

    assert not withdraw_message(message.pk)
    run(clock, TEN)
    assert states() == [(1, "withdrawn", "scheduled")]
