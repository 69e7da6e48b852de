"""Messages that have been in doubt for so long that a person should look at them."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from communications.choices import MessageStatus
from communications.models import MessageData


class DoubtFilter(admin.SimpleListFilter):
    title = "doubt"
    parameter_name = "doubt"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("person", "For a person to look at")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> QuerySet[MessageData]:
        """A decision is made just before the call (or noted when its sender was found dead): it tells the doubt's age."""
        if self.value() != "person":
            return queryset
        since = timezone.now() - timedelta(seconds=settings.UNCERTAIN_STAFF_AFTER_SECONDS)
        return queryset.filter(status=MessageStatus.UNCERTAIN, decided_ts__lte=since)
