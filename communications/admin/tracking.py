"""Links of template versions: where a click leads."""

from django.contrib import admin

from communications.models import TrackedLink
from config.back_office import ReadOnlyAdmin, concrete_fields


@admin.register(TrackedLink)
class TrackedLinkAdmin(ReadOnlyAdmin):
    list_display = ("schema_version", "position", "target")
    list_select_related = ("schema_version__message_schema",)
    fields = concrete_fields(TrackedLink)
