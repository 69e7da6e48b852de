"""Marketing leaves only by day where its recipient is: in every zone, over every change of the clocks, by every rule."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.sending.quiet_hours import HORIZON, REGIONS, Rules, every_day, held_until, quiet_until

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
TORONTO, VANCOUVER, HONOLULU = "America/Toronto", "America/Vancouver", "Pacific/Honolulu"


@pytest.fixture(autouse=True, scope="module")
def quiet_nights() -> Iterator[None]:
    with override_settings(QUIET_HOURS_START=8, QUIET_HOURS_END=21):
        yield


def allowed(at: datetime, zone: str, region: str = "") -> bool:
    """The laws once more, in other words."""
    local = at.astimezone(ZoneInfo(zone))
    minute, day = local.hour * 60 + local.minute, local.isoweekday()
    opens, closes = 8 * 60, 21 * 60
    if region in ("US-FL", "US-MD", "US-MS", "US-NJ", "US-OK", "US-CT"):
        closes = 20 * 60
    if region in ("US-CT", "US-TX", "US-RI"):
        opens = 9 * 60
    if region == "US-TX" and day == 7:
        opens = 12 * 60
    if region == "US-RI":
        opens, closes = (10 * 60, 17 * 60) if day in (6, 7) else (9 * 60, 18 * 60)
    return opens <= minute < closes


def judge(at: datetime, zones: tuple[str, ...], region: str, *, step: timedelta) -> None:
    """The answer is allowed, and nothing before it is."""
    until = quiet_until(at, zones=zones, region=region)
    if until is None:
        assert all(allowed(at, zone, region) for zone in zones), (at, zones, region)
        return
    assert until > at and until.utcoffset() == timedelta()
    assert all(allowed(until, zone, region) for zone in zones), (at, zones, region, until)
    earlier = until - MINUTE
    while earlier >= at:
        assert not all(allowed(earlier, zone, region) for zone in zones), (at, zones, region, until, earlier)
        earlier -= step


@cache
def clocks() -> dict[str, tuple[datetime, ...]]:
    """One zone for each way the clocks go from 2024 to 2030, with the days on which they change."""
    found: dict[tuple[timedelta | None, ...], str] = {}
    days = [FIRST + number * DAY for number in range((LAST - FIRST).days)]
    for name in sorted(available_timezones() - {"Factory", "localtime"}):
        zone = ZoneInfo(name)
        found.setdefault(tuple(day.astimezone(zone).utcoffset() for day in days), name)
    return {
        name: tuple(day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after)
        for offsets, name in found.items()
    }


def test_no_zone_and_no_change_of_the_clocks_leads_outside_the_window() -> None:
    judged = 0
    for zone, changes in clocks().items():
        for at in _moments(changes or (FIRST, LAST - DAY)):
            judge(at, (zone,), "", step=61 * MINUTE)
            judged += 1

    assert len(clocks()) > 60 and judged > 10_000


def _moments(days: tuple[datetime, ...]) -> Iterator[datetime]:
    """From the day before to the day after, at odd minutes."""
    for day in days:
        for number in range(24):
            yield day - DAY + number * timedelta(minutes=181, seconds=7)


def test_every_clock_goes_by_whole_quarters_of_an_hour() -> None:
    offsets = {
        day.astimezone(ZoneInfo(zone)).utcoffset() for zone, days in clocks().items() for day in (FIRST, *days, LAST)
    }

    assert {offset % timedelta(minutes=15) for offset in offsets if offset is not None} == {timedelta()}


@hypothesis_settings(max_examples=400, deadline=None)
@given(
    at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(("America/New_York", "America/Chicago", "America/Denver")),
    region=st.sampled_from(("", "US-GA", *REGIONS)),
)
def test_no_draw_breaks_a_states_rule(at: datetime, zone: str, region: str) -> None:
    judge(at, (zone,), region, step=7 * MINUTE)


@hypothesis_settings(max_examples=300, deadline=None)
@given(
    at=st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    zones=st.lists(
        st.sampled_from((TORONTO, VANCOUVER, HONOLULU, "America/St_Johns", "America/Phoenix", "America/Chicago")),
        min_size=2,
        max_size=4,
        unique=True,
    ),
)
def test_of_several_zones_all_have_to_allow_it(at: datetime, zones: list[str]) -> None:
    judge(at, tuple(zones), "", step=7 * MINUTE)


WINDOWS = [
    ("", "2025-11-17", 8, 21),
    ("US-FL", "2025-11-17", 8, 20),
    ("US-CT", "2025-11-17", 9, 20),
    ("US-TX", "2025-11-17", 9, 21),
    ("US-TX", "2025-11-16", 12, 21),
    ("US-RI", "2025-11-17", 9, 18),
    ("US-RI", "2025-11-15", 10, 17),
    ("US-RI", "2025-11-16", 10, 17),
    ("CA-ON", "2025-11-16", 8, 21),
]


@pytest.mark.parametrize(("region", "day", "opens", "closes"), WINDOWS)
def test_the_window_opens_at_its_minute_and_closes_at_its_minute(
    region: str, day: str, opens: int, closes: int
) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(TORONTO))
    first, last = midnight + opens * HOUR, midnight + closes * HOUR - timedelta(microseconds=1)

    assert quiet_until(first - timedelta(microseconds=1), zones=[TORONTO], region=region) == first
    assert quiet_until(first, zones=[TORONTO], region=region) is None
    assert quiet_until(last, zones=[TORONTO], region=region) is None
    assert quiet_until(midnight + closes * HOUR, zones=[TORONTO], region=region) is not None


def test_a_window_that_opens_in_the_missing_hour_opens_when_the_clock_has_jumped() -> None:
    rules = Rules(house=every_day(2, 21), regions={})

    until = quiet_until(datetime(2026, 3, 8, 6, 0, tzinfo=UTC), zones=[TORONTO], rules=rules)

    assert until == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)  # 01:59:59 is followed by 03:00


def test_a_window_that_closes_in_the_doubled_hour_closes_twice_and_opens_once_more() -> None:
    rules = Rules(house=every_day(0, 2), regions={})
    second = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 for the second time

    assert quiet_until(second - HOUR, zones=[TORONTO], rules=rules) is None
    assert quiet_until(second, zones=[TORONTO], rules=rules) is None
    assert quiet_until(second + 30 * MINUTE, zones=[TORONTO], rules=rules) == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_a_state_never_allows_what_the_house_forbids(settings: Any) -> None:
    settings.QUIET_HOURS_START, settings.QUIET_HOURS_END = 10, 16
    morning = datetime(2025, 11, 17, 14, 30, tzinfo=UTC)  # 09:30 in New York

    assert quiet_until(morning, zones=["America/New_York"], region="US-CT") == datetime(2025, 11, 17, 15, tzinfo=UTC)


def test_a_house_without_quiet_hours_has_none(settings: Any) -> None:
    settings.QUIET_HOURS_START, settings.QUIET_HOURS_END = 0, 24

    assert all(quiet_until(FIRST + n * HOUR, zones=[TORONTO]) is None for n in range(24))


def test_zones_that_share_no_hour_are_asked_again_and_again_and_never_allowed() -> None:
    at = datetime(2025, 11, 17, 14, 0, tzinfo=UTC)

    assert quiet_until(at, zones=[HONOLULU, "Europe/Berlin", "Asia/Tokyo"]) == at + HORIZON


def test_somebody_has_to_say_where() -> None:
    with pytest.raises(ValueError, match="at least one time zone"):
        quiet_until(FIRST, zones=[])


NIGHT = datetime(2025, 11, 17, 5, 0, tzinfo=UTC)  # midnight in Toronto
MORNING = datetime(2025, 11, 17, 13, 0, tzinfo=UTC)
CHANNELS = [
    ("sms", "marketing", MORNING),
    ("whatsapp", "marketing", MORNING),
    ("push", "marketing", MORNING),
    ("email", "marketing", None),
    ("sms", "transactional", None),
]


@pytest.mark.parametrize(("channel", "purpose", "until"), CHANNELS)
def test_marketing_that_rings_keeps_quiet_hours(channel: str, purpose: str, until: datetime | None) -> None:
    said = {"time_zone": "America/Toronto", "province": "ON", "recipient": "+14165551234"}

    assert held_until(NIGHT, channel=channel, purpose=purpose, **said) == until


def test_email_keeps_them_where_the_house_says_so(settings: Any) -> None:
    settings.QUIET_HOURS_CHANNELS = ["email"]
    said = {"time_zone": "America/Toronto", "province": "ON", "recipient": "john@rapport.test"}

    assert held_until(NIGHT, channel="email", purpose="marketing", **said) == MORNING
    assert held_until(NIGHT, channel="sms", purpose="marketing", **{**said, "recipient": "+14165551234"}) is None
