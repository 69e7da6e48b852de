"""Liquid's `date` filter without a clock: the same message comes out whenever it is rendered."""

from datetime import UTC, datetime
from datetime import date as Date

from liquid.exceptions import FilterArgumentError
from liquid.filter import liquid_filter

MOMENTS = ("now", "today")
NO_CLOCK = "a message has no “now”: it is rendered again when someone looks at it. Send the date as a variable"

_LONGEST_FORMAT = 100
_OWN_FORMS = ("%b %d, %Y", "%B %d, %Y", "%b %d, %Y, %I:%M %p")  # as the common variables print them in English


@liquid_filter
def date(value: object, form: object = "%b %d, %Y") -> str:
    """`value` by a strftime format: dates, ISO 8601 text and seconds since 1970 (UTC); other text stays as it is."""
    if value in MOMENTS:
        raise FilterArgumentError(NO_CLOCK, token=None)
    moment = _moment(value)
    if moment is None:
        return str(value)
    text = str(form)
    if len(text) > _LONGEST_FORMAT:
        raise FilterArgumentError("the date format is too long", token=None)
    try:
        return moment.strftime(text)
    except ValueError as error:
        raise FilterArgumentError(f"not a date format: {error}", token=None) from error


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, Date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) < 12 and value.isdecimal()):
            return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return _parsed(str(value).strip())


def _parsed(text: str) -> datetime | None:
    if len(text) > 40:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _OWN_FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
