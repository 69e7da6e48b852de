"""“Was sending allowed on that day?”: a customer's page that answers it from the ledger, for any moment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from customers.models import Customer
from customers.standing import standings

_FORMAT = "%Y-%m-%dT%H:%M"


class MomentForm(forms.Form):
    """A moment in the back office's time zone; nothing is now."""

    at = forms.DateTimeField(
        label="On",
        required=False,
        input_formats=[_FORMAT, "%Y-%m-%d"],
        widget=forms.DateTimeInput(format=_FORMAT, attrs={"type": "datetime-local", "class": "rp-input"}),
        error_messages={"invalid": "Write a date and a time, such as 2026-03-01T14:00."},
    )

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at and at > timezone.now():
            raise forms.ValidationError("Nobody knows yet what will be allowed then.", code="future")
        return at


def consent_page(request: HttpRequest, customer: Customer, site: Mapping[str, Any]) -> HttpResponse:
    """The page within the site that `site` describes (sidebar, title)."""
    form = MomentForm(request.GET)
    at = (form.cleaned_data["at"] if form.is_valid() else None) or timezone.now()
    context = {
        **site,
        "title": f"{customer.display_name}: consent",
        "opts": Customer._meta,
        "original": customer,
        "customer": customer,
        "form": form,
        "at": at,
        "standings": standings(customer, at) if form.is_valid() else [],
        "events": customer.consent_events.filter(occurred_at__lte=at).order_by("-occurred_at", "-created_at")[:100],
    }
    return TemplateResponse(request, "customers/admin/consent.html", context)
