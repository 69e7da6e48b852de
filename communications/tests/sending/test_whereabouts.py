"""Which zones and which state come into question for a recipient."""

import re
from typing import Any

import pytest
from phonenumbers.geodata import GEOCODE_DATA

from communications.sending.whereabouts import AREA_CODES, STATES, Whereabouts, whereabouts

TORONTO, VANCOUVER = "America/Toronto", "America/Vancouver"


def of(recipient: str = "+14165551234", *, channel: str = "sms", time_zone: str = TORONTO, province: str = "") -> Any:
    return whereabouts(time_zone=time_zone, province=province, channel=channel, recipient=recipient)


def test_a_stated_zone_alone_counts() -> None:
    assert of("+14165551234", time_zone=VANCOUVER).zones == (VANCOUVER,)
    assert of("+4930901820", time_zone=VANCOUVER).zones == (VANCOUVER,)


ZONES = [
    ("+14165551234", (TORONTO,)),
    ("+16045551234", (TORONTO, VANCOUVER)),
    ("+13055551234", ("America/New_York", TORONTO)),
    ("+18505551234", ("America/Chicago", "America/New_York", TORONTO)),
    ("+18505550143", ("America/Chicago", "America/New_York", TORONTO)),
    ("+4930901820", ("Europe/Berlin",)),
    ("+4915112345678", ("Europe/Berlin",)),
    ("+819012345678", ("Asia/Tokyo",)),
    ("+16715551234", (TORONTO, "Pacific/Guam")),
    ("+18005551234", (TORONTO,)),  # a number without a place
    ("+999", (TORONTO,)),
    ("+", (TORONTO,)),
    ("12", (TORONTO,)),
    ("", (TORONTO,)),
]


@pytest.mark.parametrize(("number", "zones"), ZONES)
@pytest.mark.parametrize("time_zone", [TORONTO, "", "Mars/Olympus"])
def test_where_nobody_said_the_number_tells_and_the_house_comes_into_question_too(
    number: str, zones: tuple[str, ...], time_zone: str
) -> None:
    assert of(number, time_zone=time_zone).zones == zones


def test_clocks_that_share_too_little_of_a_day_do_not_come_into_question_together(settings: Any) -> None:
    settings.TIME_ZONE, settings.PHONE_REGION = "Asia/Kolkata", "CA"

    assert of("+16045551234", time_zone="Asia/Kolkata").zones == (VANCOUVER,)
    assert of("+16045551234", time_zone=TORONTO).zones == (TORONTO,)


def test_a_mobile_of_a_wide_country_may_be_anywhere_in_it() -> None:
    assert {"Australia/Perth", "Australia/Sydney"} <= set(of("+61412345678").zones)
    assert {"Europe/Moscow", "Asia/Kamchatka"} <= set(of("+79161234567").zones)


def test_what_has_no_number_is_where_its_customer_is() -> None:
    assert of("john@rapport.test", channel="email") == Whereabouts(zones=(TORONTO,))
    assert of("+14165551234", channel="push", time_zone="America/Chicago", province="TX") == Whereabouts(
        zones=("America/Chicago",), region="US-TX"
    )


REGIONS = [
    ("+13055551234", "", "US-FL"),
    ("+14165551234", "", ""),
    ("+12125551234", "", ""),
    ("+12125551234", "Florida", "US-FL"),
    ("+12125551234", " fl ", "US-FL"),
    ("+12125551234", "US-FL", "US-FL"),
    ("+13055551234", "TX", "US-TX"),
    ("+13055551234", "Georgia", "US-FL"),  # who moved may have kept the rule with the number
    ("+393331234567", "CT", ""),  # Catania
]


@pytest.mark.parametrize(("number", "province", "region"), REGIONS)
def test_the_stated_state_or_that_of_the_number_rules(number: str, province: str, region: str) -> None:
    assert of(number, province=province).region == region


def test_a_province_abroad_is_no_state_though_it_has_its_letters() -> None:
    assert of("token", channel="push", time_zone="Europe/Rome", province="CT").region == ""


def test_the_area_codes_are_those_that_the_geocoder_knows() -> None:
    told: dict[str, set[str]] = {}
    for prefix, names in GEOCODE_DATA.items():
        if re.fullmatch(r"1\d{3}\d*", prefix) and (state := _state(names.get("en", ""))):
            told.setdefault(prefix[1:4], set()).add(state)
    ruled = {area: next(iter(states)) for area, states in told.items() if len(states) == 1}
    ruled["201"] = "NJ"  # one exchange of it is listed in New York

    ours = {area: state for state, areas in AREA_CODES.items() for area in areas.split()}
    assert ours == {area: state for area, state in ruled.items() if state in AREA_CODES}


def _state(place: str) -> str:
    short = re.search(r", ([A-Z]{2})$", place)
    return short[1] if short else STATES.get(place.upper(), "")


def test_the_house_itself_may_be_elsewhere(settings: Any) -> None:
    settings.TIME_ZONE, settings.PHONE_REGION = "Europe/Berlin", "DE"

    assert of("+4930901820", time_zone="Europe/Berlin").zones == ("Europe/Berlin",)
    assert of("+16045551234", time_zone="Europe/Berlin").zones == (VANCOUVER,)
