"""Versions of templates: what each says, what it changed, and a way back to it."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from communications.actions.schemas import current_version, restore_version
from communications.models import MessageSchemaVersion
from communications.rendering.differences import diff_versions
from communications.rendering.problems import TemplateProblem
from config.accounts.models import User
from config.back_office import ReadOnlyAdmin, concrete_fields, json_display

_OFFERED = 50  # versions to compare with


@admin.register(MessageSchemaVersion)
class MessageSchemaVersionAdmin(ReadOnlyAdmin):
    list_display = ("message_schema", "version", "language", "created_by", "created_ts")
    list_select_related = ("message_schema", "created_by")
    search_fields = ("message_schema__code__exact",)
    search_help_text = "The template's code"
    change_form_outer_before_template = "communications/admin/_version_head.html"
    fieldsets = (
        (None, {"fields": concrete_fields(MessageSchemaVersion, without=("compiled",))}),
        ("Compiled", {"fields": (json_display("compiled"),), "classes": ("tab",)}),
    )

    class Media:
        css: ClassVar = {"all": ("communications/templates.css",)}

    def get_urls(self) -> list[URLPattern]:
        restore = self.admin_site.admin_view(require_POST(self.restore_view))
        name = "communications_messageschemaversion_restore"
        return [path("<uuid:pk>/restore/", restore, name=name), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        more = _comparison(version, request.GET.get("against", "")) if version else {}
        more["may_restore"] = request.user.has_perm("communications.change_messageschema")
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def restore_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not request.user.has_perm("communications.change_messageschema"):
            raise PermissionDenied
        old = get_object_or_404(MessageSchemaVersion, pk=pk)
        try:
            version = restore_version(old, by=cast(User, request.user))
        except TemplateProblem as problem:
            where = f"{problem.field}, {problem.place}".rstrip(", ")
            said = f"Version {old.version} cannot come back as it is: {where}: {problem.message}"
            self.message_user(request, said, messages.ERROR)
            version = old
        else:
            said = f"Version {old.version} is back, as version {version.version}."
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:communications_messageschemaversion_change", args=[version.pk]))


def _comparison(version: MessageSchemaVersion, against: str) -> dict[str, Any]:
    """What differs from the version `against` (a number), else from the one before in the same language."""
    schema = version.message_schema
    others = schema.versions.exclude(pk=version.pk).defer("compiled").order_by("-version")
    if against.isdecimal() and len(against) < 10:
        other = others.filter(version=int(against)).first()
    else:
        other = others.filter(language=version.language, version__lt=version.version).first()
    current = current_version(schema, language=version.language)
    return {
        "other": other,
        "others": others[:_OFFERED],
        "differences": diff_versions(other, version) if other else [],
        "is_current": current is not None and current.pk == version.pk,
    }
