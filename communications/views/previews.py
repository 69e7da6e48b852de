"""How a template will look: a page around it, and the e-mail itself as a page of its own that can do nothing."""

import json
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from unfold.widgets import UnfoldAdminSelectWidget

from communications.actions.schemas import current_version, variants
from communications.choices import CHANNEL_OF_METHOD, DeliveryMethod
from communications.models import MessageData, MessageSchema, MessageSchemaVersion
from communications.providers import registry
from communications.rendering.people import PEOPLE
from communications.rendering.preview import Preview, preview
from communications.rendering.problems import TemplateProblem
from communications.views.mail_frame import mail_frame
from config.accounts.models import User
from customers.models import Appointment, Customer, Employee

_VALUE = "v-"  # before the name of a variable in the query
_MOST_VALUE = 5_000


class PreviewForm(forms.Form):
    """Whom to preview for. Only those who may see customers choose one."""

    language = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    person = forms.ChoiceField(
        required=False, choices=[(key, person.label) for key, person in PEOPLE.items()], widget=UnfoldAdminSelectWidget
    )
    customer = forms.ModelChoiceField(
        Customer.objects.all(),
        required=False,
        widget=AutocompleteSelect(
            MessageData._meta.get_field("customer"),
            admin.site,
            attrs={"class": "unfold-admin-autocomplete admin-autocomplete"},
        ),
    )

    def __init__(self, data: QueryDict, *, versions: list[MessageSchemaVersion], may_choose: bool) -> None:
        super().__init__(data)
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        language.choices = [(version.language, version.language) for version in versions]
        if not may_choose:
            del self.fields["customer"]


def preview_page(
    request: HttpRequest, schema: MessageSchema, site: Mapping[str, Any], *, test_to: str | None
) -> HttpResponse:
    """The page of `schema` within the site that `site` describes (sidebar, title).

    `test_to`: where a test is offered to be sent; None where it is not.
    """
    form = _form(request, schema)
    context = {
        **site,
        "title": f"{schema.name}: preview",
        "opts": MessageSchema._meta,
        "schema": schema,
        "original": schema,
        "form": form,
        "sampled": not form.cleaned_data.get("customer") and _person(form) is None,
        "query": request.GET.urlencode(),
        "test_to": test_to,
        "sends": registry.name_for(CHANNEL_OF_METHOD[DeliveryMethod(schema.message_delivery_method)]) is not None,
        "given": {key.removeprefix(_VALUE): value for key, value in request.GET.items() if key.startswith(_VALUE)},
    }
    try:
        context["preview"] = _preview(request, schema, form)
    except TemplateProblem as problem:
        context["problem"] = problem
    return TemplateResponse(request, "communications/admin/preview.html", context)


@never_cache
@xframe_options_sameorigin
def email_page(request: HttpRequest, schema: MessageSchema) -> HttpResponse:
    """The e-mail alone, for the frame of `preview_page`: no script, no form, nothing but styles and images."""
    try:
        html = getattr(_preview(request, schema, _form(request, schema)).shown, "html", None)
    except TemplateProblem as problem:
        raise Http404(problem.message) from problem
    if html is None:
        raise Http404("This template is no e-mail.")
    return mail_frame(html, dark=request.GET.get("scheme") == "dark")


def _form(request: HttpRequest, schema: MessageSchema) -> PreviewForm:
    may_choose = request.user.has_perm("customers.view_customer")
    form = PreviewForm(request.GET, versions=variants(schema), may_choose=may_choose)
    form.is_valid()
    return form


def preview_facts(
    request: HttpRequest, schema: MessageSchema, form: PreviewForm | None = None
) -> tuple[MessageSchema | MessageSchemaVersion, dict[str, Any]]:
    """What the query asks to see, and for whom: the source, and the arguments of `common_variables`."""
    form = form or _form(request, schema)
    chosen = form.cleaned_data.get("customer")
    customer = chosen or _person(form)
    source = _source(request, schema, form.cleaned_data.get("language") or (chosen.language if chosen else ""))
    appointment = _next_appointment(chosen) if chosen else None
    own = Employee.objects.filter(user=cast(User, request.user)).first()
    facts = {
        "customer": customer,
        "appointment": appointment,
        "employee": appointment.employee if appointment else own,
        "time_zone": customer.time_zone if customer else None,
        "language": source.language if isinstance(source, MessageSchemaVersion) else source.default_language,
        "extra": _values(request.GET),
    }
    return source, facts


def _preview(request: HttpRequest, schema: MessageSchema, form: PreviewForm) -> Preview:
    source, facts = preview_facts(request, schema, form)
    return preview(
        source,
        customer=facts["customer"],
        appointment=facts["appointment"],
        employee=facts["employee"],
        variables=facts["extra"],
    )


def _person(form: PreviewForm) -> Customer | None:
    person = PEOPLE.get(form.cleaned_data.get("person", ""))
    return person.customer if person else None


def _source(request: HttpRequest, schema: MessageSchema, language: str) -> MessageSchema | MessageSchemaVersion:
    """The version `?version=<id>`, else the current one of the language; a template without one is shown as it is."""
    try:
        wanted = UUID(request.GET.get("version", ""))
    except ValueError:
        return current_version(schema, language=language) or schema
    version = schema.versions.filter(pk=wanted).first()
    if version is None:
        raise Http404("No such version of this template.")
    return version


def _next_appointment(customer: Customer) -> Appointment | None:
    ahead = Appointment.objects.awaiting().filter(customer=customer, starts_at__gt=timezone.now())
    return ahead.select_related("employee").order_by("starts_at").first()


def _values(query: QueryDict) -> dict[str, Any]:
    """The test values: `v-order.total=7` is `{"order": {"total": 7}}`."""
    values: dict[str, Any] = {}
    for key, text in query.items():
        if key.startswith(_VALUE) and isinstance(text, str) and text.strip():
            *parents, name = key.removeprefix(_VALUE).split(".")
            inner = values
            for parent in parents:
                inner = inner.setdefault(parent, {})
                if not isinstance(inner, dict):
                    break
            else:
                inner[name] = _read(text[:_MOST_VALUE])
    return values


def _read(text: str) -> Any:
    """A list, an object or a whole number where it is written like one, else the text."""
    if text.lstrip()[:1] in ("[", "{") or (text.isascii() and text.isdecimal() and str(int(text)) == text):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
