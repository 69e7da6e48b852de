"""Templates. Saving one makes a version; whatever is wrong with it is told at its field, and nothing is stored."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from communications.actions.schemas import save_schema, variants
from communications.admin.schema_form import CONTENT_ROWS, ONLY_FOR, MessageSchemaForm
from communications.admin.variants import VariantAdmin
from communications.admin.where_used import where_used
from communications.choices import DeliveryMethod
from communications.models import MessageSchema, MessageSchemaVersion
from communications.rendering.designs import all_designs, design
from communications.rendering.languages import canonical
from communications.rendering.problems import TemplateProblem
from communications.views import previews
from communications.views.try_out import remembered, try_out
from config.accounts.models import User
from config.back_office import BackOfficeAdmin, ReadOnlyInline

_IS_PLAIN = "message_delivery_method == 'SMS' || message_delivery_method == 'WHATSAPP'"

_CONDITIONS = {
    "message": _IS_PLAIN,
    "template_schema": f"!({_IS_PLAIN})",
    **{name: f"message_delivery_method == '{method}'" for name, method in ONLY_FOR.items()},
}
_FIELDSETS = (
    (None, {"fields": ("name", ("message_delivery_method", "purpose"), ("category", "code"), "descr")}),
    ("Content", {"fields": CONTENT_ROWS}),
    (
        "When it may be sent",
        {
            "fields": (
                ("status", "active_flag"),
                "from_ts",
                "to_ts",
                ("validity_seconds", "default_language"),
                "rather_twice_than_never",
            )
        },
    ),
    ("Where it is used", {"fields": ("used",), "classes": ("tab",)}),
    (
        "Record",
        {"fields": (("version", "created_ts", "updated_ts"), "metadata"), "classes": ("tab",)},
    ),
)


class VersionInline(ReadOnlyInline):
    model = MessageSchemaVersion
    fields = ("version", "language", "subject", "variables", "created_by", "created_ts")
    ordering = ("-version",)
    per_page = 20
    tab = True


@admin.register(MessageSchema)
class MessageSchemaAdmin(BackOfficeAdmin):
    form = MessageSchemaForm
    list_display = ("code", "name", "message_delivery_method", "purpose", "shown_status", "version", "updated_ts")
    list_filter = ("message_delivery_method", "purpose", "status", "active_flag")
    search_fields = ("code__istartswith", "name__istartswith")
    ordering = ("code",)
    sortable_by = ("code", "name", "updated_ts")
    one_line = ("name", "subject", "preview_text")
    inlines = (VersionInline,)
    readonly_fields = ("version", "created_ts", "updated_ts", "used")
    change_form_outer_before_template = "communications/admin/_template_head.html"
    conditional_fields = _CONDITIONS
    fieldsets = _FIELDSETS

    class Media:
        css: ClassVar = {"all": ("communications/templates.css",)}

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        name = "communications_messageschema"
        return [
            path("<uuid:pk>/preview/", guarded(self.preview_view), name=f"{name}_preview"),
            path("<uuid:pk>/preview/page/", guarded(self.preview_page_view), name=f"{name}_preview_page"),
            path("<uuid:pk>/variants/", guarded(self.choose_variant_view), name=f"{name}_variants"),
            path("<uuid:pk>/variants/<str:language>/", guarded(self.variant_view), name=f"{name}_variant"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        schema = self.get_object(request, object_id) if object_id else None
        more = {"variants": variants(schema)} if schema else {"designs": all_designs()}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?design=welcome` begins with a starter design."""
        chosen = design(request.GET.get("design", ""))
        return {**super().get_changeform_initial_data(request), **(chosen.as_initial() if chosen else {})}

    def preview_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """A POST sends what is shown as a test, and shows it again."""
        schema = self._viewable(request, pk)
        may_send = request.user.has_perm("communications.add_messagedata")
        if request.method == "POST":
            if not may_send:
                raise PermissionDenied
            try_out(request, schema)
            return HttpResponseRedirect(request.get_full_path())
        test_to = request.session.get(remembered(schema), _own_address(schema, cast(User, request.user)))
        site = self.admin_site.each_context(request)
        return previews.preview_page(request, schema, site, test_to=test_to if may_send else None)

    def preview_page_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return previews.email_page(request, self._viewable(request, pk))

    def choose_variant_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """`?language=FR` leads to the page of that language."""
        try:
            language = canonical(request.GET.get("language", ""))
        except TemplateProblem as problem:
            self.message_user(request, problem.message, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:communications_messageschema_change", args=[pk]))
        return HttpResponseRedirect(reverse("admin:communications_messageschema_variant", args=[pk, language]))

    def variant_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        schema = get_object_or_404(MessageSchema, pk=pk)
        if language == schema.default_language:
            return HttpResponseRedirect(reverse("admin:communications_messageschema_change", args=[pk]))
        return VariantAdmin(self.admin_site, schema, language).edit(request)

    def _viewable(self, request: HttpRequest, pk: UUID) -> MessageSchema:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(MessageSchema, pk=pk)

    def save_model(self, request: HttpRequest, obj: MessageSchema, form: forms.ModelForm, change: bool) -> None:
        save_schema(obj, by=cast(User, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Messages keep the version they were rendered from; a template that is no longer wanted is archived."""
        return False

    @display(description="Where it is used")
    def used(self, schema: MessageSchema) -> SafeString | str:
        return "–" if schema._state.adding else where_used(schema)

    @display(description="Status", label={"Published": "success", "Draft": "warning", "Archived": "info"})
    def shown_status(self, schema: MessageSchema) -> str:
        return schema.get_status_display()


def _own_address(schema: MessageSchema, user: User) -> str:
    return user.email if schema.message_delivery_method == DeliveryMethod.EMAIL else ""
