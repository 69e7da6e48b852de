"""One language of one template: its content on a page of its own. Saving makes a version in that language."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language_info

from communications.actions.schemas import content_of, current_version, save_variant, variants
from communications.admin.schema_form import CONTENT_ROWS, ONLY_FOR, PLAIN_TEXT, ContentForm
from communications.models import MessageSchema
from config.accounts.models import User
from config.back_office import BackOfficeAdmin


class VariantAdmin(BackOfficeAdmin):
    """Not registered: the template's own page leads here. It begins with what readers of that language get today."""

    form = ContentForm
    one_line = ("subject", "preview_text")
    change_form_outer_before_template = "communications/admin/_template_head.html"

    class Media:
        css: ClassVar = {"all": ("communications/templates.css",)}

    def __init__(self, site: AdminSite, schema: MessageSchema, language: str) -> None:
        super().__init__(MessageSchema, site)
        self.schema = schema
        self.language = language

    def edit(self, request: HttpRequest) -> HttpResponse:
        context = {
            "title": f"{self.schema.name}: {language_name(self.language)}",
            "show_save_and_add_another": False,
            "language": self.language,
            "variants": variants(self.schema),
        }
        return self.changeform_view(request, str(self.schema.pk), "", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> MessageSchema | None:
        schema = super().get_object(request, object_id, from_field)
        if schema and (version := current_version(schema, language=self.language)):
            for name, value in content_of(version).items():
                setattr(schema, name, value)
        return schema

    def get_fieldsets(self, request: HttpRequest, obj: MessageSchema | None = None) -> Any:
        """The content of this template's method only."""
        rows = [self._known(row) for row in CONTENT_ROWS]
        return [("Content", {"fields": [row for row in rows if row]})]

    def _known(self, row: str | tuple[str, ...]) -> tuple[str, ...]:
        method = self.schema.message_delivery_method
        unfit = "template_schema" if method in PLAIN_TEXT else "message"
        names = (row,) if isinstance(row, str) else row
        return tuple(name for name in names if name != unfit and ONLY_FOR.get(name, method) == method)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: MessageSchema, form: forms.ModelForm, change: bool) -> None:
        save_variant(obj, language=self.language, content=content_of(obj), by=cast(User, request.user))

    def response_post_save_change(self, request: HttpRequest, obj: MessageSchema) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:communications_messageschema_change", args=[obj.pk]))


def language_name(code: str) -> str:
    """`fr-CA` → French (fr-CA)."""
    try:
        return f"{get_language_info(code.lower())['name']} ({code})"
    except KeyError:
        return code
