"""Where a recipient may be: the time zones that come into question, and the region whose rules hold.

A zone that somebody stated counts alone. The house's own is no statement, for everybody has it who was never asked: then
the number tells (all zones of its area code or, a mobile's, of its country), and the house's comes into question besides
where the number is of the house's country code. Where a number tells nothing, the house's is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from django.conf import settings
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from customers.choices import Channel

MOST_APART = timedelta(hours=10)  # zones further apart share too little of a day to come into question together
_DAY = timedelta(days=1)
_PHONES = frozenset({Channel.SMS.value, Channel.WHATSAPP.value})
_AREA_CODE = len("+1416")
_OFFSETS_ARE_TAKEN_AT = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))

# The states that have rules of their own, and their area codes. The geocoder of phonenumbers knows them too, at the price of
# 100 MB in every process; a test compares.
STATES: Mapping[str, str] = MappingProxyType(
    {
        "CONNECTICUT": "CT",
        "FLORIDA": "FL",
        "MARYLAND": "MD",
        "MISSISSIPPI": "MS",
        "NEW JERSEY": "NJ",
        "OKLAHOMA": "OK",
        "RHODE ISLAND": "RI",
        "TEXAS": "TX",
    }
)
AREA_CODES: Mapping[str, str] = MappingProxyType(
    {
        "CT": "203 475 860 959",
        "FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
        "MD": "227 240 301 410 443 667",
        "MS": "228 601 662 769",
        "NJ": "201 551 609 640 732 848 856 862 908 973",
        "OK": "405 539 572 580 918",
        "RI": "401",
        "TX": "210 214 254 281 325 346 361 409 430 432 469 512 682 713 726 737 806 817 830 832 903 915 936 940 945 956 "
        "972 979",
    }
)
_ZONES_OF_STATES = frozenset({"America/New_York", "America/Chicago", "America/Denver"})
_STATE_OF_AREA = {f"+1{area}": state for state, areas in AREA_CODES.items() for area in areas.split()}


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """`region` is an ISO 3166-2 code, blank where no rule of a region's own comes into question."""

    zones: tuple[str, ...]
    region: str = ""


def whereabouts(*, time_zone: str, province: str, channel: str, recipient: str) -> Whereabouts:
    """Of the customer with this zone and province (blank where nobody knows) at this address."""
    number = _telling(recipient) if channel in _PHONES else ""
    return _whereabouts(time_zone, province, number, settings.TIME_ZONE, settings.PHONE_REGION)


def _telling(recipient: str) -> str:
    """As much of a number as tells where it is: in North America the area code, for numbers move about within it."""
    if recipient.startswith("+1"):
        return recipient[:_AREA_CODE]
    return _country_of_one_zone(recipient[:_AREA_CODE]) or recipient


@cache
def _country_of_one_zone(beginning: str) -> str:
    """The country code a number begins with, if the whole country has one zone."""
    codes = (beginning[:length] for length in (2, 3, 4))
    code = next((code for code in codes if code[1:].isdecimal() and int(code[1:]) in COUNTRY_CODE_TO_REGION_CODE), "")
    return code if code and len(_zones_under(code)) == 1 else ""


@lru_cache(maxsize=65_536)
def _whereabouts(time_zone: str, province: str, number: str, house: str, house_country: str) -> Whereabouts:
    is_stated = time_zone != house and _is_zone(time_zone)
    zones = (time_zone,) if is_stated else _by_number(number, house, house_country)
    return Whereabouts(zones=zones, region=_region(province, number, zones))


def _by_number(number: str, house: str, house_country: str) -> tuple[str, ...]:
    told = tuple(sorted(zone for zone in _zones_of_number(number) if _is_zone(zone)))
    if not told or _apart(told) > MOST_APART:
        return (house,)
    ours = number.startswith(f"+{phonenumbers.country_code_for_region(house_country)}")
    both = tuple(sorted({*told, house}))
    return both if ours and _apart(both) <= MOST_APART else told


def _zones_of_number(number: str) -> Iterable[str]:
    """`number` is an area code, a country code or whole."""
    if not number.startswith("+"):
        return ()
    if len(number) <= _AREA_CODE:
        return _zones_under(number)
    try:
        return set(time_zones_for_number(phonenumbers.parse(number))) - {UNKNOWN_TIMEZONE}
    except phonenumbers.NumberParseException:
        return ()


def _zones_under(beginning: str) -> set[str]:
    digits = beginning.removeprefix("+")
    known = (zones for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(digits))
    return {zone for zones in known for zone in zones}


def _region(province: str, number: str, zones: tuple[str, ...]) -> str:
    """The stated state or that of the number; of the two the one with a rule of its own."""
    american = number.startswith("+1") if number else not _ZONES_OF_STATES.isdisjoint(zones)
    named = province.strip().upper().removeprefix("US-")
    stated = STATES.get(named, named)
    state = stated if american and stated in AREA_CODES else _STATE_OF_AREA.get(number, "")
    return f"US-{state}" if state else ""


def _apart(zones: Iterable[str]) -> timedelta:
    """How much of a day lies between the first and the last of these clocks."""
    return max(_arc([moment.astimezone(ZoneInfo(zone)) for zone in zones]) for moment in _OFFSETS_ARE_TAKEN_AT)


def _arc(clocks: Sequence[datetime]) -> timedelta:
    """The shortest piece of the round clock that holds all of them: Guam and Samoa are a day, and three hours, apart."""
    offsets = sorted((clock.utcoffset() or timedelta()) % _DAY for clock in clocks)
    gaps = [(later - earlier) % _DAY for earlier, later in zip(offsets, offsets[1:] + offsets[:1], strict=True)]
    return _DAY - max(gaps) if len(set(offsets)) > 1 else timedelta()


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
