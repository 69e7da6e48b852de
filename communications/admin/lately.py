"""Filters that the first page's links lead to: the same rows as its figures count."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from communications.home import day_before
from communications.models import MessageData, SendBatch


class LatelyFilter(admin.SimpleListFilter):
    title = "the last day"
    parameter_name = "lately"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("sent", "Sent in the last day"), ("failed", "Failed in the last day")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[MessageData]) -> QuerySet[MessageData]:
        since = day_before(timezone.now())
        match self.value():
            case "sent":
                return queryset.filter(sent_ts__gte=since)
            case "failed":
                return queryset.filter(failed_ts__gte=since)
        return queryset


class DueFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("come", "Waiting, and due now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SendBatch]) -> QuerySet[SendBatch]:
        if self.value() != "come":
            return queryset
        return queryset.filter(state=SendBatch.State.WAITING, due_at__lte=timezone.now())
