"""When marketing may reach a person: by the clock on his own wall. Pure, but for the house's hours from the settings.

Everywhere the house's window holds (8 to 21 unless set); some states allow less, some of them by the day of the week
(47 CFR 64.1200(c)(1) and the states' own laws). A rule only narrows. Where several zones come into question, a moment is
allowed when it is allowed in all of them.

Every instant is judged by its own wall clock, so a time that is missing or comes twice needs no rule of its own. Offsets
and windows begin on whole quarters of an hour, so looking at each quarter finds the first allowed minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.conf import settings

from communications.sending.whereabouts import whereabouts
from customers.choices import Purpose

Hours = tuple[int, int]  # from the first hour until before the second
QUARTER = timedelta(minutes=15)
HORIZON = timedelta(days=8)  # a week has every window of a rule in it


@dataclass(frozen=True, kw_only=True)
class Week:
    weekdays: Hours
    saturday: Hours
    sunday: Hours

    def on(self, weekday: int) -> Hours:
        """0 is Monday."""
        return (self.saturday, self.sunday)[weekday - 5] if weekday >= 5 else self.weekdays


def every_day(opens: int, closes: int) -> Week:
    return Week(weekdays=(opens, closes), saturday=(opens, closes), sunday=(opens, closes))


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """The house's week and the regions that allow less, by ISO 3166-2."""

    house: Week
    regions: Mapping[str, Week]

    def hours(self, region: str, weekday: int) -> Hours:
        house = self.house.on(weekday)
        own = self.regions.get(region, self.house).on(weekday)
        return max(house[0], own[0]), min(house[1], own[1])


REGIONS: Mapping[str, Week] = MappingProxyType(
    {
        "US-CT": every_day(9, 20),
        "US-FL": every_day(8, 20),
        "US-MD": every_day(8, 20),
        "US-MS": every_day(8, 20),
        "US-NJ": every_day(8, 20),
        "US-OK": every_day(8, 20),
        "US-RI": Week(weekdays=(9, 18), saturday=(10, 17), sunday=(10, 17)),
        "US-TX": Week(weekdays=(9, 21), saturday=(9, 21), sunday=(12, 21)),
    }
)


def held_until(
    at: datetime, *, channel: str, purpose: str, time_zone: str, province: str, recipient: str
) -> datetime | None:
    """`RecipientFacts.quiet_until` of a row: None where it may leave now or where quiet hours do not apply.

    `time_zone` and `province` are the customer's, blank where there is none.
    """
    if purpose != Purpose.MARKETING or channel not in settings.QUIET_HOURS_CHANNELS:
        return None
    where = whereabouts(time_zone=time_zone, province=province, channel=channel, recipient=recipient)
    return quiet_until(at, zones=where.zones, region=where.region)


def quiet_until(at: datetime, *, zones: Sequence[str], region: str = "", rules: Rules | None = None) -> datetime | None:
    """None when `at` is allowed, else the first moment that is (UTC). Zones that share no hour: the horizon's end, again and again."""
    if not zones:
        raise ValueError("Name at least one time zone.")
    return _first_allowed(_quarter(at), tuple(zones), region, rules or house_rules())


def house_rules() -> Rules:
    return _rules(settings.QUIET_HOURS_START, settings.QUIET_HOURS_END)


@lru_cache(maxsize=8)
def _rules(opens: int, closes: int) -> Rules:
    return Rules(house=every_day(opens, closes), regions=REGIONS)


@lru_cache(maxsize=64)
def _quarter(at: datetime) -> datetime:
    """The beginning of the quarter hour; the same for a whole slice."""
    begun = at.astimezone(UTC)
    return begun.replace(minute=begun.minute - begun.minute % 15, second=0, microsecond=0)


@lru_cache(maxsize=16_384)
def _first_allowed(quarter: datetime, zones: tuple[str, ...], region: str, rules: Rules) -> datetime | None:
    if _is_allowed(quarter, zones, region, rules):
        return None
    for steps in range(1, HORIZON // QUARTER):
        moment = quarter + steps * QUARTER
        if _is_allowed(moment, zones, region, rules):
            return moment
    return quarter + HORIZON


def _is_allowed(moment: datetime, zones: tuple[str, ...], region: str, rules: Rules) -> bool:
    for zone in zones:
        local = moment.astimezone(ZoneInfo(zone))
        opens, closes = rules.hours(region, local.weekday())
        if not opens <= local.hour < closes:
            return False
    return True
