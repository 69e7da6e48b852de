"""Send batches: the queue, for reading, and a way to try again what was parked."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import action, display

from communications.actions.batches import unpark
from communications.admin.lately import DueFilter
from communications.models import SendBatch
from config.accounts.models import User
from config.back_office import ReadOnlyAdmin, concrete_fields
from config.jobs.actions import Outcome

STATE_LABELS = {"Waiting": "info", "Working": "primary", "Done": "success", "Parked": "danger"}


@admin.register(SendBatch)
class SendBatchAdmin(ReadOnlyAdmin):
    list_display = ("due_at", "channel", "purpose", "provider", "row_count", "shown_state", "attempt", "deaths")
    list_filter = (DueFilter, "state", "channel", "purpose")
    actions = ("try_again",)
    pieces: ClassVar = {"try_again": "unpark_piece"}
    change_form_outer_before_template = "communications/admin/_batch_actions.html"
    fields = concrete_fields(SendBatch)

    def has_unpark_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("communications.change_sendbatch")

    @action(description="Try again", permissions=["unpark"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[SendBatch]) -> None:
        self.do_at_once(request, "try_again", queryset, "Parked batches that are tried again")

    def unpark_piece(self, rows: QuerySet[SendBatch], by: User) -> Outcome:
        return Outcome(changed=unpark(rows))

    @display(description="State", label=STATE_LABELS)
    def shown_state(self, batch: SendBatch) -> str:
        return batch.get_state_display()
