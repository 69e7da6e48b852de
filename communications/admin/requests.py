"""Callers' idempotency keys and the answers they got."""

from django.contrib import admin

from communications.models import IdempotencyKey
from config.back_office import ReadOnlyAdmin, concrete_fields


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "user", "path", "status_code", "created_ts")
    list_select_related = ("user",)
    search_fields = ("key__exact",)
    search_help_text = "The whole key"
    fields = concrete_fields(IdempotencyKey)
