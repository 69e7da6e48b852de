"""Send batches: the queue, for reading."""

from django.contrib import admin
from unfold.decorators import display

from communications.models import SendBatch
from config.back_office import ReadOnlyAdmin, concrete_fields

STATE_LABELS = {"Waiting": "info", "Working": "primary", "Done": "success", "Parked": "danger"}


@admin.register(SendBatch)
class SendBatchAdmin(ReadOnlyAdmin):
    list_display = ("id", "channel", "purpose", "provider", "row_count", "shown_state", "due_at", "attempt", "deaths")
    list_filter = ("state", "channel", "purpose")
    fields = concrete_fields(SendBatch)

    @display(description="State", label=STATE_LABELS)
    def shown_state(self, batch: SendBatch) -> str:
        return batch.get_state_display()
