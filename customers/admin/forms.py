"""Forms of people: what is stored is always the normal form of an address, and a time zone that exists."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from customers.choices import IdentifierKind
from customers.identity.normalise import InvalidAddress, normalise
from customers.models import Appointment, Customer, CustomerIdentifier, Employee

_AT_FIRST = (Appointment.Status.SCHEDULED, Appointment.Status.CONFIRMED)


def normal(kind: str, value: str) -> str:
    """The normal form of `value`. Raises forms.ValidationError with the sentence for the person."""
    try:
        return normalise(kind, value, region=settings.PHONE_REGION)
    except InvalidAddress as problem:
        raise forms.ValidationError(str(problem), code=problem.code) from problem


class _TimeZoneForm(forms.ModelForm):
    def clean_time_zone(self) -> str:
        zone = self.cleaned_data["time_zone"]
        if zone and zone not in zoneinfo.available_timezones():
            raise forms.ValidationError("No such time zone; a name such as America/Toronto is meant.", code="time_zone")
        return zone


class CustomerForm(_TimeZoneForm):
    primary_email = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Customer
        fields = "__all__"

    def clean_primary_email(self) -> str | None:
        value = self.cleaned_data["primary_email"]
        return normal("email", value) if value else None

    def clean_phone(self) -> str:
        value = self.cleaned_data["phone"]
        return normal("phone", value) if value else ""

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


class IdentifierForm(forms.ModelForm):
    identifier_value = forms.CharField(label="Address", max_length=320, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = CustomerIdentifier
        fields = ("identifier_type", "identifier_value", "verified", "source")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        kind, value = values.get("identifier_type"), values.get("identifier_value")
        if kind in IdentifierKind.values and value:
            try:
                values["identifier_value"] = normal(kind, value)
            except forms.ValidationError as problem:
                self.add_error("identifier_value", problem)
        return values

    def save(self, commit: bool = True) -> CustomerIdentifier:
        if "verified" in self.changed_data:
            self.instance.verified_at = timezone.now() if self.cleaned_data["verified"] else None
        return super().save(commit)


class EmployeeForm(_TimeZoneForm):
    class Meta:
        model = Employee
        fields = "__all__"

    def clean_phone(self) -> str:
        value = self.cleaned_data["phone"]
        return normal("phone", value) if value else ""

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None


class AppointmentForm(_TimeZoneForm):
    class Meta:
        model = Appointment
        fields = "__all__"

    def clean_calendar_event_id(self) -> str | None:
        return self.cleaned_data["calendar_event_id"] or None

    def clean_status(self) -> str:
        """Only a move that the table of moves knows; a new appointment is scheduled or confirmed."""
        before, after = self.status_before, self.cleaned_data["status"]
        if after != before and after not in Appointment.MOVES[before]:
            names = Appointment.Status(before).label.lower(), Appointment.Status(after).label.lower()
            raise forms.ValidationError("An appointment that is {} cannot become {}.".format(*names), code="move")
        if self.instance._state.adding and after not in _AT_FIRST:
            raise forms.ValidationError("A new appointment is scheduled or confirmed.", code="move")
        return after

    @property
    def status_before(self) -> str:
        return self.initial.get("status") or Appointment.Status.SCHEDULED
