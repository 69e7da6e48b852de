"""The common variables of a message, from the facts at hand: who it goes to, who speaks, which appointment.

Names and forms are those of the requirements (`{{date}}` is "Nov 15, 2025", `{{time}}` is "2:00 PM"). A variable
without a value is left out, so that a template which needs it is refused instead of going out with a hole.
Order and invoice values come with the request: nothing here could know them.
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class CustomerFacts(Protocol):
    """What is read of a customer; each may be blank."""

    first_name: str
    last_name: str
    name: str
    primary_email: str | None
    phone: str
    address: str
    city: str
    province: str


class EmployeeFacts(Protocol):
    name: str
    phone: str


class AppointmentFacts(Protocol):
    """`starts_at` is aware; `time_zone` (IANA) counts where the customer's is not known."""

    service_type: str
    starts_at: datetime
    address: str
    time_zone: str


class Named(Protocol):
    """A project or a task."""

    name: str


#: What each common variable looks like, for previews and for counting a template nobody has filled in yet.
SAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "firstName": "John",
        "lastName": "Smith",
        "fullName": "John Smith",
        "email": "john.smith@example.com",
        "phone": "+14165551234",
        "address": "123 Main St, London, ON",
        "city": "London",
        "province": "ON",
        "employeeName": "Emily Thompson",
        "employeePhone": "+14165550100",
        "serviceType": "HVAC Maintenance",
        "date": "Nov 15, 2025",
        "time": "2:00 PM",
        "datetime": "Nov 15, 2025, 2:00 PM",
        "projectName": "Furnace replacement",
        "taskName": "Furnace repair",
        "orderNumber": "ORD-2025-00042",
        "invoiceNumber": "INV-2025-00042",
        "amount": "$249.00",
        "total": "$281.37",
        "balance": "$31.37",
    }
)

# Own tables, not CLDR's: those write "2:00\u202fPM", "août" and "2:00 p. m.", and one such letter makes an SMS UCS-2,
# twice the price. "aout" is the spelling of the 1990 reform.
_MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "aout", "sept.", "oct.", "nov.", "déc."),
    "de": ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"),
}
_DATE_FORMS = {"en": "{month} {day}, {year}", "de": "{day}. {month} {year}"}
_DATE_FORM = "{day} {month} {year}"


def common_variables(
    *,
    customer: CustomerFacts | None = None,
    employee: EmployeeFacts | None = None,
    appointment: AppointmentFacts | None = None,
    project: Named | None = None,
    task: Named | None = None,
    time_zone: str | None = None,
    language: str = "en",
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every variable that has a value. `extra` (the request's own) wins; a blank there is no value and wins nothing.

    `time_zone` is the customer's (IANA): dates are told in it, else in the appointment's, else in UTC.
    """
    found: dict[str, Any] = {}
    if customer:
        found |= _of_customer(customer)
    if employee:
        found |= {"employeeName": employee.name, "employeePhone": employee.phone}
    if appointment:
        found |= _of_appointment(appointment, time_zone, language)
    if project:
        found["projectName"] = project.name
    if task:
        found["taskName"] = task.name
    return _with_values(found) | _with_values(extra or {})


def format_date(at: datetime, language: str = "en") -> str:
    """The day as `at` has it, in no other zone: "Nov 15, 2025", "15 nov. 2025", "15. Nov. 2025", "15 nov 2025"."""
    known = _known(language)
    form = _DATE_FORMS.get(known, _DATE_FORM)
    return form.format(day=at.day, month=_MONTHS[known][at.month - 1], year=at.year)


def format_time(at: datetime, language: str = "en") -> str:
    """In English "2:00 PM", elsewhere "14:00"."""
    if _known(language) != "en":
        return f"{at.hour:02d}:{at.minute:02d}"
    return f"{at.hour % 12 or 12}:{at.minute:02d} {'AM' if at.hour < 12 else 'PM'}"


def format_datetime(at: datetime, language: str = "en") -> str:
    return f"{format_date(at, language)}, {format_time(at, language)}"


def zone_of(*names: str | None) -> tzinfo:
    """The first of `names` that is a time zone, else UTC: a misspelt zone must not stop a reminder."""
    for name in names:
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def _of_customer(customer: CustomerFacts) -> dict[str, Any]:
    first, last = _first_and_last(customer)
    return {
        "firstName": first,
        "lastName": last,
        "fullName": customer.name or f"{first} {last}".strip(),
        "email": customer.primary_email,
        "phone": customer.phone,
        "address": _one_line(customer.address, customer.city, customer.province),
        "city": customer.city,
        "province": customer.province,
    }


def _first_and_last(customer: CustomerFacts) -> tuple[str, str]:
    """A full name of two words tells both; of a longer one nobody can say where it parts."""
    first, last = customer.first_name or "", customer.last_name or ""
    words = (customer.name or "").split()
    if not first and not last and len(words) == 2:
        return words[0], words[1]
    return first, last


def _one_line(address: str, city: str, province: str) -> str:
    """The whole line ("123 Main St, London, ON"): a part that already follows the street is not repeated."""
    line = (address or "").strip()
    for part in filter(None, (city, province)) if line else ():
        if not re.search(rf"(?<!\w){re.escape(part)}(?!\w)", _after_street(line), re.IGNORECASE):
            line = f"{line}, {part}"
    return line


def _after_street(line: str) -> str:
    """What follows the street: "12 London Road" does not name the city."""
    return line.partition(",")[2]


def _of_appointment(appointment: AppointmentFacts, time_zone: str | None, language: str) -> dict[str, Any]:
    found: dict[str, Any] = {"serviceType": appointment.service_type}
    if appointment.address:
        found["address"] = appointment.address
    if appointment.starts_at:
        local = appointment.starts_at.astimezone(zone_of(time_zone, appointment.time_zone))
        found["date"] = format_date(local, language)
        found["time"] = format_time(local, language)
        found["datetime"] = format_datetime(local, language)
    return found


def _known(language: str) -> str:
    primary = re.split(r"[-_]", language or "en", maxsplit=1)[0].lower()
    return primary if primary in _MONTHS else "en"


def _with_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and str(value).strip()}
